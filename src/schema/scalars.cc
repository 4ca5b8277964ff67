#include "schema/scalars_schema.h"

namespace fulcrum::schema {

void Codec<Size>::decode(Decoder& d, const json::value& v, Size& out) {
  if (v.is_number()) {
    detail::decode_signed(d, v, 0, INT64_MAX, out.bytes);
    return;
  }
  std::string text;
  detail::decode_string(d, v, text);
  if (!v.is_string()) return;
  const auto size = parse_size(text);
  if (size) {
    out.bytes = *size;
  } else {
    d.violation(size.error().message);
  }
}

json::value Codec<Size>::encode(const Size& v) {
  const auto text = format_size(v.bytes);
  const auto back = parse_size(text);
  return json::value(json::string(back && *back == v.bytes ? text : std::to_string(v.bytes)));
}

json::object Codec<Size>::describe(Describer&) { return {{"type", json::array{"string", "integer"}}, {"format", "size"}}; }

void Codec<Duration>::decode(Decoder& d, const json::value& v, Duration& out) {
  std::string text;
  detail::decode_string(d, v, text);
  if (!v.is_string()) return;
  const auto duration = parse_duration(text);
  if (duration) {
    out.ns = *duration;
  } else {
    d.violation(duration.error().message);
  }
}

json::value Codec<Duration>::encode(const Duration& v) { return json::value(json::string(format_duration(v.ns))); }

json::object Codec<Duration>::describe(Describer&) { return {{"type", "string"}, {"format", "duration"}}; }

void Codec<Time>::decode(Decoder& d, const json::value& v, Time& out) {
  std::string text;
  detail::decode_string(d, v, text);
  if (!v.is_string()) return;
  const auto time = parse_time(text);
  if (time) {
    out = *time;
  } else {
    d.violation(time.error().message);
  }
}

json::value Codec<Time>::encode(const Time& v) { return json::value(json::string(format_time(v))); }

json::object Codec<Time>::describe(Describer&) { return {{"type", "string"}, {"format", "date-time"}}; }

}  // namespace fulcrum::schema
