// Bodies of Docker's API: any bytes are refused with a message, or become a struct whose encoding decodes to the same again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/docker/container_schema.h"
#include "api/docker/system_schema.h"

using namespace fulcrum;

namespace {

template <class T>
void decode_twice(std::string_view text) {
  const auto first = schema::decode_text<T>(text, schema::UnknownFields::reject_set, schema::MemberNames::any_case);
  if (!first) {
    if (first.error().message.empty()) std::abort();
    return;
  }
  const auto once = schema::encode_text(*first);
  const auto second = schema::decode_text<T>(once, schema::UnknownFields::reject_set, schema::MemberNames::any_case);
  if (!second || schema::encode_text(*second) != once) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  decode_twice<api::docker::CreateBody>(text);
  decode_twice<api::docker::UpdateConfig>(text);
  decode_twice<api::docker::AuthConfig>(text);
  return 0;
}
