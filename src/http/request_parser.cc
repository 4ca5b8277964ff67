#include "http/parser_impl.h"

namespace fulcrum::http {

std::unique_ptr<Parser> make_request_parser(const ParserLimits& limits) { return std::make_unique<BeastParser<true>>(limits, false); }

}  // namespace fulcrum::http
