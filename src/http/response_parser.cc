#include "http/parser_impl.h"

namespace fulcrum::http {

std::unique_ptr<Parser> make_response_parser(const ParserLimits& limits, bool no_body) {
  return std::make_unique<BeastParser<false>>(limits, no_body);
}

}  // namespace fulcrum::http
