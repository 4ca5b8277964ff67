// Status codes: RFC 9110 §15 and the mapping of canonical codes.
#include <array>

#include "http/message.h"

namespace fulcrum::http {

int http_status(Code code) {
  switch (code) {
    case Code::cancelled: return 503;  // we stopped; a client that cancelled is not there to read it
    case Code::unknown: return 500;
    case Code::invalid_argument: return 400;
    case Code::deadline_exceeded: return 504;
    case Code::not_found: return 404;
    case Code::already_exists: return 409;
    case Code::permission_denied: return 403;
    case Code::resource_exhausted: return 429;
    case Code::failed_precondition: return 409;
    case Code::aborted: return 409;
    case Code::out_of_range: return 410;  // "Gone": what a watch of a compacted revision answers
    case Code::unimplemented: return 501;
    case Code::internal: return 500;
    case Code::unavailable: return 503;
    case Code::data_loss: return 500;
    case Code::unauthenticated: return 401;
  }
  return 500;
}

Code code_from_status(int status) {
  switch (status) {
    case 401: return Code::unauthenticated;
    case 403: return Code::permission_denied;
    case 404: return Code::not_found;
    case 408: return Code::deadline_exceeded;
    case 409: return Code::failed_precondition;
    case 410: return Code::out_of_range;
    case 412: return Code::aborted;
    case 413: return Code::resource_exhausted;
    case 429: return Code::resource_exhausted;
    case 501: return Code::unimplemented;
    case 502: return Code::unavailable;
    case 503: return Code::unavailable;
    case 504: return Code::deadline_exceeded;
    default: return status >= 500 ? Code::internal : status >= 400 ? Code::invalid_argument : Code::unknown;
  }
}

std::string_view reason_phrase(int status) {
  static constexpr std::array kPhrases = std::to_array<std::pair<int, std::string_view>>({
      {100, "Continue"},
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {422, "Unprocessable Content"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  });
  for (const auto& [code, phrase] : kPhrases)
    if (code == status) return phrase;
  return "Unknown";
}

}  // namespace fulcrum::http
