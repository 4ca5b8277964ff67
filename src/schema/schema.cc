#include "schema/schema.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace fulcrum::schema {

Error to_error(const Violations& violations) {
  std::string text;
  for (const auto& v : violations) {
    if (!text.empty()) text += '\n';
    text += v.path.empty() ? v.message : v.path + ": " + v.message;
  }
  return Error{Code::invalid_argument, std::move(text)};
}

namespace {

bool says_nothing(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return true;
    case json::kind::bool_: return !value.get_bool();
    case json::kind::int64: return value.get_int64() == 0;
    case json::kind::uint64: return value.get_uint64() == 0;
    case json::kind::double_: return value.get_double() == 0;
    case json::kind::string: return value.get_string().empty();
    case json::kind::array: return value.get_array().empty();
    case json::kind::object:
      return std::ranges::all_of(value.get_object(), [](const auto& member) { return says_nothing(member.value()); });
  }
  return false;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool Decoder::rejects_unknown(const json::value& value) const {
  return unknown_ == UnknownFields::reject || (unknown_ == UnknownFields::reject_set && !says_nothing(value));
}

bool Decoder::same_name(std::string_view a, std::string_view b) const {
  return names_ == MemberNames::exact ? a == b : std::ranges::equal(a, b, {}, lower, lower);
}

const json::value* Decoder::find(const json::object& object, std::string_view name) const {
  const auto* exact = object.if_contains(json::string_view(name.data(), name.size()));
  if (exact != nullptr || names_ == MemberNames::exact) return exact;
  for (const auto& [key, value] : object)
    if (same_name(std::string_view(key.data(), key.size()), name)) return &value;
  return nullptr;
}

void Decoder::violation(std::string message) {
  constexpr std::size_t kMost = 100;  // a hostile document must not cost unbounded memory
  if (violations_.size() < kMost) violations_.push_back({path_, std::move(message)});
}

void Decoder::mismatch(const json::value& value, std::string_view wanted) {
  auto shown = json::serialize(value);
  constexpr std::size_t kShown = 60;
  if (shown.size() > kShown) shown = shown.substr(0, kShown) + "…";
  violation(shown + " is not " + std::string(wanted));
}

Decoder::Scope::Scope(Decoder& decoder, std::string_view member) : decoder_(decoder), length_(decoder.path_.size()) {
  if (!decoder.path_.empty()) decoder.path_ += '.';
  decoder.path_ += member;
}

Decoder::Scope::Scope(Decoder& decoder, std::size_t index) : decoder_(decoder), length_(decoder.path_.size()) {
  decoder.path_ += '[';
  decoder.path_ += std::to_string(index);
  decoder.path_ += ']';
}

void InRange::describe(json::object& schema) const {
  schema["minimum"] = min;
  schema["maximum"] = max;
}

namespace detail {

void decode_bool(Decoder& d, const json::value& v, bool& out) {
  if (const auto* b = v.if_bool()) {
    out = *b;
  } else {
    d.mismatch(v, "a boolean");
  }
}

void decode_string(Decoder& d, const json::value& v, std::string& out) {
  if (const auto* s = v.if_string()) {
    out.assign(s->data(), s->size());
  } else {
    d.mismatch(v, "a string");
  }
}

void decode_double(Decoder& d, const json::value& v, double& out) {
  if (const auto* n = v.if_double()) {
    out = *n;
  } else if (const auto* i = v.if_int64()) {
    out = static_cast<double>(*i);
  } else if (const auto* u = v.if_uint64()) {
    out = static_cast<double>(*u);
  } else {
    d.mismatch(v, "a number");
  }
}

bool decode_signed(Decoder& d, const json::value& v, std::int64_t min, std::int64_t max, std::int64_t& out) {
  if (const auto* i = v.if_int64()) {
    out = *i;
  } else if (const auto* u = v.if_uint64(); u != nullptr && *u <= INT64_MAX) {
    out = static_cast<std::int64_t>(*u);
  } else if (const auto* n = v.if_double(); n != nullptr && std::nearbyint(*n) == *n && std::abs(*n) < 9e15) {
    out = static_cast<std::int64_t>(*n);  // 1e3 and 1.0 are integers in JSON
  } else {
    d.mismatch(v, "an integer");
    return false;
  }
  if (out < min || out > max) {
    d.violation(fmt::format("{} is not in {}..{}", out, min, max));
    return false;
  }
  return true;
}

bool decode_unsigned(Decoder& d, const json::value& v, std::uint64_t max, std::uint64_t& out) {
  if (const auto* u = v.if_uint64()) {
    out = *u;
  } else if (const auto* i = v.if_int64(); i != nullptr && *i >= 0) {
    out = static_cast<std::uint64_t>(*i);
  } else if (const auto* n = v.if_double(); n != nullptr && *n >= 0 && std::nearbyint(*n) == *n && *n < 9e15) {
    out = static_cast<std::uint64_t>(*n);
  } else {
    d.mismatch(v, "a non-negative integer");
    return false;
  }
  if (out > max) {
    d.violation(fmt::format("{} is not in 0..{}", out, max));
    return false;
  }
  return true;
}

void unknown_member(Decoder& d, std::string_view name) {
  Decoder::Scope scope(d, name);
  d.violation("unknown field");
}

const json::object* as_object(Decoder& d, const json::value& v) {
  if (const auto* o = v.if_object()) return o;
  d.mismatch(v, "an object");
  return nullptr;
}

const json::array* as_array(Decoder& d, const json::value& v) {
  if (const auto* a = v.if_array()) return a;
  d.mismatch(v, "a list");
  return nullptr;
}

}  // namespace detail

Result<json::value> parse(std::string_view text) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  json::stream_parser parser({}, options);
  // Boost reports a position only by what it consumed.
  const auto consumed = parser.write_some(text.data(), text.size(), error);
  if (!error) {
    const auto rest = text.substr(consumed);
    if (rest.find_first_not_of(" \t\r\n") != std::string_view::npos)
      return fail(Code::invalid_argument, "not JSON: text after the end at byte {}", consumed);
    parser.finish(error);
  }
  if (error) return fail(Code::invalid_argument, "not JSON: {} at byte {}", error.message(), consumed);
  return parser.release();
}

namespace {

std::string type_name(const json::object& schema) {
  if (const auto* ref = schema.if_contains("$ref")) {
    const std::string name = std::string(ref->as_string()).substr(8);
    return "[" + name + "](#" + name + ")";
  }
  if (const auto* values = schema.if_contains("enum")) {
    std::string out;
    for (const auto& v : values->as_array()) out += (out.empty() ? "`" : " · `") + std::string(v.as_string()) + "`";
    return out;
  }
  if (const auto* forms = schema.if_contains("anyOf")) {
    std::string out;
    for (const auto& form : forms->as_array()) out += (out.empty() ? "" : " or ") + type_name(form.as_object());
    return out;
  }
  const auto* type = schema.if_contains("type");
  if (type == nullptr) return "any";
  if (const auto* types = type->if_array()) {
    std::string out;
    for (const auto& t : *types) out += (out.empty() ? "" : " or ") + std::string(t.as_string());
    return out;
  }
  if (*type == "array") return "list of " + type_name(schema.at("items").as_object());
  if (*type == "object" && schema.contains("additionalProperties"))
    return "map to " + type_name(schema.at("additionalProperties").as_object());
  return std::string(type->as_string());
}

}  // namespace

std::string markdown(const json::object& schema) {
  std::string out;
  for (const auto& definition : schema.at("$defs").as_object()) {
    const auto& object = definition.value().as_object();
    out += "## " + std::string(definition.key()) + "\n\n" + std::string(object.at("description").as_string()) +
           "\n\n| field | type | default | meaning |\n|---|---|---|---|\n";
    const auto* required = object.if_contains("required");
    for (const auto& property : object.at("properties").as_object()) {
      const auto& p = property.value().as_object();
      std::string fallback;
      if (const auto* value = p.if_contains("default")) fallback = "`" + json::serialize(*value) + "`";
      if (required != nullptr)
        for (const auto& r : required->as_array())
          if (r == property.key()) fallback = "required";
      out += "| `" + std::string(property.key()) + "` | " + type_name(p) + " | " + fallback + " | " +
             std::string(p.at("description").as_string()) + " |\n";
    }
    out += "\n";
  }
  return out;
}

namespace {
void pretty_into(std::string& out, const json::value& value, int depth) {
  const std::string inner(static_cast<std::size_t>(depth + 1) * 2, ' ');
  const std::string outer(static_cast<std::size_t>(depth) * 2, ' ');
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out += "{\n";
    bool first = true;
    for (const auto& member : *object) {
      if (!first) out += ",\n";
      first = false;
      out += inner + json::serialize(json::value(member.key())) + ": ";
      pretty_into(out, member.value(), depth + 1);
    }
    out += "\n" + outer + "}";
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    out += "[\n";
    bool first = true;
    for (const auto& element : *array) {
      if (!first) out += ",\n";
      first = false;
      out += inner;
      pretty_into(out, element, depth + 1);
    }
    out += "\n" + outer + "]";
  } else {
    out += json::serialize(value);
  }
}
}  // namespace

std::string pretty(const json::value& value) {
  std::string out;
  pretty_into(out, value, 0);
  return out + "\n";
}

}  // namespace fulcrum::schema
