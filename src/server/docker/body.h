// Bodies of requests as wire structs, and the other way round. Heavy (Boost.JSON): for .cc files.
#pragma once

#include <string>

#include "http/server.h"
#include "schema/schema.h"

namespace fulcrum::server::docker {

/// The body as a struct: names in any case, unknown members are refused when they say something. Errors: invalid_argument.
template <class T>
[[nodiscard]] Result<T> body_of(http::Request& request) {
  const auto text = TRY(request.read_body());
  if (text.empty()) return fail(Code::invalid_argument, "invalid JSON: got EOF while reading request body");
  return schema::decode_text<T>(text, schema::UnknownFields::reject_set, schema::MemberNames::any_case);
}

/// Answers with a struct.
template <class T>
[[nodiscard]] Result<> send_struct(http::ResponseWriter& response, int status, const T& value) {
  return response.send_json(status, schema::encode_text(value));
}

}  // namespace fulcrum::server::docker
