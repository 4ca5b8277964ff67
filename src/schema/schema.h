// Wire structs are declared once: a Schema<T> table names each member, says what it means and what it may hold. Decoding (every violation
// at once, each with its path), encoding, JSON Schema and reference pages all come from that table.
//
//   struct Port { std::uint16_t container_port{}; std::string protocol = "tcp"; };
//   template <> struct fulcrum::schema::Schema<Port> {
//     static constexpr std::string_view name = "Port";
//     static constexpr std::string_view doc = "One published port.";
//     static constexpr auto fields = std::tuple{
//         required("containerPort", &Port::container_port, "Port the process listens on.", in_range(1, 65535)),
//         optional("protocol", &Port::protocol, "tcp or udp.", one_of("tcp", "udp"))};
//   };
//
// This header is heavy (Boost.JSON): include it in .cc files and in *_schema.h headers only.
#pragma once

#include <array>
#include <boost/json.hpp>
#include <concepts>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/id.h"
#include "schema/violation.h"

namespace fulcrum::schema {

namespace json = boost::json;

/// What to do with a member that the table does not name: OCI ignores it, workload files and Kubernetes' strict mode reject it. Docker's
/// newer clients send whole Go structs: there only a member that says something (is not null, false, zero or empty) is rejected.
enum class UnknownFields { ignore, reject, reject_set };

/// How the names of members are compared. Go, and so Docker's API, takes any case.
enum class MemberNames { exact, any_case };

template <class T>
struct Schema;  // specialised beside each struct: name, doc, fields

/// Specialise for an enum: `static constexpr std::array names{std::pair{E::a, std::string_view("a")}, …};`
template <class E>
struct EnumNames;

/// Collects violations while a document is walked; knows where it is.
class Decoder {
 public:
  explicit Decoder(UnknownFields unknown, MemberNames names = MemberNames::exact) : unknown_(unknown), names_(names) {}

  /// Records a violation at the current path.
  void violation(std::string message);
  /// Records `<shown value> is not <wanted>`.
  void mismatch(const json::value& value, std::string_view wanted);
  bool rejects_unknown() const { return unknown_ != UnknownFields::ignore; }
  /// Whether an unknown member with this value is a violation.
  bool rejects_unknown(const json::value& value) const;
  /// The member of this name; null when there is none.
  const json::value* find(const json::object& object, std::string_view name) const;
  bool same_name(std::string_view a, std::string_view b) const;
  const Violations& violations() const { return violations_; }
  Violations take() { return std::move(violations_); }

  /// Moves the current path into a member or element for the life of the object.
  class Scope {
   public:
    Scope(Decoder& decoder, std::string_view member);
    Scope(Decoder& decoder, std::size_t index);
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { decoder_.path_.resize(length_); }

   private:
    Decoder& decoder_;
    std::size_t length_;
  };

 private:
  UnknownFields unknown_;
  MemberNames names_;
  std::string path_;
  Violations violations_;
};

/// Collects the `$defs` of a JSON Schema while types are described.
struct Describer {
  json::object definitions;
};

// Untemplated workers, so that each use costs little code.
namespace detail {
void decode_bool(Decoder& d, const json::value& v, bool& out);
void decode_string(Decoder& d, const json::value& v, std::string& out);
void decode_double(Decoder& d, const json::value& v, double& out);
/// False (and a violation) when `v` is no integer within [min, max].
bool decode_signed(Decoder& d, const json::value& v, std::int64_t min, std::int64_t max, std::int64_t& out);
bool decode_unsigned(Decoder& d, const json::value& v, std::uint64_t max, std::uint64_t& out);
void unknown_member(Decoder& d, std::string_view name);
const json::object* as_object(Decoder& d, const json::value& v);
const json::array* as_array(Decoder& d, const json::value& v);
void not_one_of(Decoder& d, std::string_view got, std::initializer_list<std::string_view> allowed);

struct Anything {
  template <class T>
  operator T() const;
};
/// The number of members of an aggregate.
template <class T, class... A>
consteval std::size_t member_count() {
  if constexpr (requires { T{A{}..., Anything{}}; }) {
    return member_count<T, A..., Anything>();
  } else {
    return sizeof...(A);
  }
}
}  // namespace detail

// ---- fields ----

enum class Presence {
  required,  ///< must be there (null counts as absent); always encoded
  optional,  ///< may be absent; encoded unless it equals its default
  always,    ///< may be absent; always encoded
};

template <class T, class M, class... Checks>
struct Field {
  std::string_view name;
  M T::* member;
  std::string_view doc;
  Presence presence;
  std::tuple<Checks...> checks;
};

template <class T, class M, class... Checks>
constexpr auto required(std::string_view name, M T::* member, std::string_view doc, Checks... checks) {
  return Field<T, M, Checks...>{name, member, doc, Presence::required, {checks...}};
}
template <class T, class M, class... Checks>
constexpr auto optional(std::string_view name, M T::* member, std::string_view doc, Checks... checks) {
  return Field<T, M, Checks...>{name, member, doc, Presence::optional, {checks...}};
}
template <class T, class M, class... Checks>
constexpr auto always(std::string_view name, M T::* member, std::string_view doc, Checks... checks) {
  return Field<T, M, Checks...>{name, member, doc, Presence::always, {checks...}};
}

template <class T, class M>
struct Embedded {
  M T::* member;
};
/// A struct whose members stand among those of the one that holds it, as Go embeds structs.
template <class T, class M>
constexpr auto embedded(M T::* member) {
  return Embedded<T, M>{member};
}

// ---- checks: run on a decoded value; `check(value)` returns a message or nothing; `describe(object)` adds JSON Schema keywords ----

struct InRange {
  std::int64_t min, max;
  template <class V>
  std::optional<std::string> check(const V& v) const {
    if (std::cmp_less(v, min) || std::cmp_greater(v, max)) return fmt::format("{} is not in {}..{}", v, min, max);
    return std::nullopt;
  }
  void describe(json::object& schema) const;
};
/// An integer within [min, max].
constexpr InRange in_range(std::int64_t min, std::int64_t max) { return {min, max}; }

template <std::size_t N>
struct OneOf {
  std::array<std::string_view, N> allowed;
  std::optional<std::string> check(const std::string& v) const {
    std::string list;
    for (const auto a : allowed) {
      if (v == a) return std::nullopt;
      list += (list.empty() ? "" : ", ") + std::string(a);
    }
    return "\"" + v + "\" is not one of " + list;
  }
  void describe(json::object& schema) const {
    json::array values;
    for (const auto a : allowed) values.emplace_back(json::string_view(a.data(), a.size()));
    schema["enum"] = std::move(values);
  }
};
/// A string out of a fixed set.
template <class... S>
constexpr auto one_of(S... allowed) {
  return OneOf<sizeof...(S)>{{std::string_view(allowed)...}};
}

struct NotEmpty {
  template <class V>
  std::optional<std::string> check(const V& v) const {
    return v.empty() ? std::optional<std::string>("must not be empty") : std::nullopt;
  }
  void describe(json::object&) const {}
};
/// A string, list or map that is not empty.
constexpr NotEmpty not_empty() { return {}; }

template <class F>
struct Satisfies {
  F test;
  template <class V>
  std::optional<std::string> check(const V& v) const {
    return test(v);
  }
  void describe(json::object&) const {}
};
/// A check of one's own: a function from the value to a message, or to nothing when it is right.
template <class F>
constexpr Satisfies<F> satisfies(F test) {
  return {test};
}

// ---- codecs: how a type travels. Specialise Codec<T> for a type with a form of its own (sizes, durations, short forms) ----

template <class T>
struct Codec;

template <>
struct Codec<bool> {
  static void decode(Decoder& d, const json::value& v, bool& out) { detail::decode_bool(d, v, out); }
  static json::value encode(bool v) { return v; }
  static json::object describe(Describer&) { return {{"type", "boolean"}}; }
};

template <std::integral T>
  requires(!std::same_as<T, bool>)
struct Codec<T> {
  static void decode(Decoder& d, const json::value& v, T& out) {
    if constexpr (std::is_signed_v<T>) {
      std::int64_t wide = 0;
      if (detail::decode_signed(d, v, std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), wide)) out = static_cast<T>(wide);
    } else {
      std::uint64_t wide = 0;
      if (detail::decode_unsigned(d, v, std::numeric_limits<T>::max(), wide)) out = static_cast<T>(wide);
    }
  }
  static json::value encode(T v) { return v; }
  static json::object describe(Describer&) { return {{"type", "integer"}}; }
};

template <>
struct Codec<double> {
  static void decode(Decoder& d, const json::value& v, double& out) { detail::decode_double(d, v, out); }
  static json::value encode(double v) { return v; }
  static json::object describe(Describer&) { return {{"type", "number"}}; }
};

template <>
struct Codec<std::string> {
  static void decode(Decoder& d, const json::value& v, std::string& out) { detail::decode_string(d, v, out); }
  static json::value encode(const std::string& v) { return json::value(json::string(v)); }
  static json::object describe(Describer&) { return {{"type", "string"}}; }
};

template <class Tag>
struct Codec<Id<Tag>> {
  static void decode(Decoder& d, const json::value& v, Id<Tag>& out) {
    std::string text;
    detail::decode_string(d, v, text);
    out = Id<Tag>(std::move(text));
  }
  static json::value encode(const Id<Tag>& v) { return json::value(json::string(v.str())); }
  static json::object describe(Describer&) { return {{"type", "string"}}; }
};

/// Any JSON, kept as it is.
template <>
struct Codec<json::value> {
  static void decode(Decoder&, const json::value& v, json::value& out) { out = v; }
  static json::value encode(const json::value& v) { return v; }
  static json::object describe(Describer&) { return {}; }
};
template <>
struct Codec<json::object> {
  static void decode(Decoder& d, const json::value& v, json::object& out) {
    if (const auto* o = detail::as_object(d, v)) out = *o;
  }
  static json::value encode(const json::object& v) { return v; }
  static json::object describe(Describer&) { return {{"type", "object"}}; }
};

template <class E>
  requires std::is_enum_v<E>
struct Codec<E> {
  static void decode(Decoder& d, const json::value& v, E& out) {
    std::string text;
    const auto before = d.violations().size();
    detail::decode_string(d, v, text);
    if (d.violations().size() != before) return;
    for (const auto& [value, name] : EnumNames<E>::names) {
      if (name == text) {
        out = value;
        return;
      }
    }
    std::string list;
    for (const auto& [value, name] : EnumNames<E>::names) list += (list.empty() ? "" : ", ") + std::string(name);
    d.violation("\"" + text + "\" is not one of " + list);
  }
  static json::value encode(E v) {
    for (const auto& [value, name] : EnumNames<E>::names)
      if (value == v) return json::value(json::string_view(name.data(), name.size()));
    return nullptr;
  }
  static json::object describe(Describer&) {
    json::array values;
    for (const auto& [value, name] : EnumNames<E>::names) values.emplace_back(json::string_view(name.data(), name.size()));
    return {{"type", "string"}, {"enum", std::move(values)}};
  }
};

template <class T>
struct Codec<std::optional<T>> {
  static void decode(Decoder& d, const json::value& v, std::optional<T>& out) {
    if (v.is_null()) {
      out.reset();
    } else {
      Codec<T>::decode(d, v, out.emplace());
    }
  }
  static json::value encode(const std::optional<T>& v) { return v ? Codec<T>::encode(*v) : json::value(nullptr); }
  static json::object describe(Describer& d) { return Codec<T>::describe(d); }
};

template <class T>
struct Codec<std::vector<T>> {
  static void decode(Decoder& d, const json::value& v, std::vector<T>& out) {
    const auto* array = detail::as_array(d, v);
    if (array == nullptr) return;
    out.clear();
    out.reserve(array->size());
    for (std::size_t i = 0; i < array->size(); ++i) {
      Decoder::Scope scope(d, i);
      T element{};
      Codec<T>::decode(d, (*array)[i], element);
      out.push_back(std::move(element));
    }
  }
  static json::value encode(const std::vector<T>& v) {
    json::array array;
    array.reserve(v.size());
    for (const auto& element : v) array.push_back(Codec<T>::encode(element));
    return array;
  }
  static json::object describe(Describer& d) { return {{"type", "array"}, {"items", Codec<T>::describe(d)}}; }
};

template <class T>
struct Codec<std::map<std::string, T>> {
  static void decode(Decoder& d, const json::value& v, std::map<std::string, T>& out) {
    const auto* object = detail::as_object(d, v);
    if (object == nullptr) return;
    out.clear();
    for (const auto& [key, value] : *object) {
      Decoder::Scope scope(d, std::string_view(key.data(), key.size()));
      Codec<T>::decode(d, value, out[std::string(key.data(), key.size())]);
    }
  }
  static json::value encode(const std::map<std::string, T>& v) {
    json::object object;
    for (const auto& [key, value] : v) object[key] = Codec<T>::encode(value);
    return object;
  }
  static json::object describe(Describer& d) { return {{"type", "object"}, {"additionalProperties", Codec<T>::describe(d)}}; }
};

template <class T>
concept Described = requires { Schema<T>::fields; };

namespace detail {
template <class T, class M, class... C>
void decode_field(Decoder& d, const json::object& object, T& out, const Field<T, M, C...>& field) {
  Decoder::Scope scope(d, field.name);
  const auto* value = d.find(object, field.name);
  if (value == nullptr || value->is_null()) {
    if (field.presence == Presence::required) d.violation("is required");
    return;
  }
  const auto before = d.violations().size();
  Codec<M>::decode(d, *value, out.*field.member);
  if (d.violations().size() != before) return;
  auto check = [&](const auto& v) {
    std::apply(
        [&](const auto&... c) {
          (
              [&] {
                if (auto message = c.check(v)) d.violation(std::move(*message));
              }(),
              ...);
        },
        field.checks);
  };
  if constexpr (requires {
                  typename M::value_type;
                  (out.*field.member).has_value();
                }) {
    if (out.*field.member) check(*(out.*field.member));
  } else {
    check(out.*field.member);
  }
}

template <class T, class M, class... C>
void encode_field(json::object& object, const T& in, const T& defaults, const Field<T, M, C...>& field) {
  if (field.presence == Presence::optional) {
    if constexpr (std::equality_comparable<M>) {
      if (in.*field.member == defaults.*field.member) return;
    }
  }
  auto encoded = Codec<M>::encode(in.*field.member);
  // An engaged std::optional is said even when it is empty: `"capabilities": {}` is not the same as no capabilities at all.
  constexpr bool engaged_matters = requires(const M& m) { m.has_value(); };
  if (field.presence == Presence::optional &&
      (encoded.is_null() || (!engaged_matters && encoded.is_object() && encoded.get_object().empty())))
    return;
  object[json::string_view(field.name.data(), field.name.size())] = std::move(encoded);
}

template <class T, class M, class... C>
void describe_field(Describer& d, json::object& properties, json::array& required, const T& defaults, const Field<T, M, C...>& field) {
  auto schema = Codec<M>::describe(d);
  schema["description"] = json::string_view(field.doc.data(), field.doc.size());
  std::apply([&](const auto&... c) { (c.describe(schema), ...); }, field.checks);
  if (field.presence == Presence::required) {
    required.emplace_back(json::string_view(field.name.data(), field.name.size()));
  } else if constexpr (!Described<M>) {
    auto value = Codec<M>::encode(defaults.*field.member);
    const bool empty = value.is_null() || (value.is_array() && value.get_array().empty()) ||
                       (value.is_object() && value.get_object().empty()) || (value.is_string() && value.get_string().empty());
    if (!empty) schema["default"] = std::move(value);
  }
  properties[json::string_view(field.name.data(), field.name.size())] = std::move(schema);
}

template <class T, class M>
void decode_field(Decoder& d, const json::object& object, T& out, const Embedded<T, M>& part) {
  std::apply([&](const auto&... field) { (decode_field(d, object, out.*part.member, field), ...); }, Schema<M>::fields);
  if constexpr (requires { Schema<M>::check(d, out.*part.member); }) Schema<M>::check(d, out.*part.member);
}
template <class T, class M>
void encode_field(json::object& object, const T& in, const T& defaults, const Embedded<T, M>& part) {
  std::apply([&](const auto&... field) { (encode_field(object, in.*part.member, defaults.*part.member, field), ...); }, Schema<M>::fields);
}
template <class T, class M>
void describe_field(Describer& d, json::object& properties, json::array& required, const T& defaults, const Embedded<T, M>& part) {
  std::apply([&](const auto&... field) { (describe_field(d, properties, required, defaults.*part.member, field), ...); },
             Schema<M>::fields);
}

template <class T, class M, class... C>
bool has_name(const Decoder& d, const Field<T, M, C...>& field, std::string_view name) {
  return d.same_name(field.name, name);
}
template <class T, class M>
bool has_name(const Decoder& d, const Embedded<T, M>&, std::string_view name) {
  static_assert(std::tuple_size_v<std::remove_cvref_t<decltype(Schema<M>::fields)>> == member_count<M>(),
                "every member of the struct must stand in its Schema table");
  return std::apply([&](const auto&... field) { return (has_name(d, field, name) || ...); }, Schema<M>::fields);
}
}  // namespace detail

/// How a struct with a Schema table travels. A type with a short form as well derives its own Codec from this.
template <class T>
struct StructCodec {
  static void decode(Decoder& d, const json::value& v, T& out) {
    static_assert(std::tuple_size_v<std::remove_cvref_t<decltype(Schema<T>::fields)>> == detail::member_count<T>(),
                  "every member of the struct must stand in its Schema table");
    const auto* object = detail::as_object(d, v);
    if (object == nullptr) return;
    std::apply([&](const auto&... field) { (detail::decode_field(d, *object, out, field), ...); }, Schema<T>::fields);
    if (d.rejects_unknown()) {
      for (const auto& member : *object) {
        const std::string_view name(member.key().data(), member.key().size());
        const bool known = std::apply([&](const auto&... field) { return (detail::has_name(d, field, name) || ...); }, Schema<T>::fields);
        if (!known && d.rejects_unknown(member.value())) detail::unknown_member(d, name);
      }
    }
    if constexpr (requires { Schema<T>::check(d, out); }) Schema<T>::check(d, out);
  }
  static json::value encode(const T& v) {
    static const T defaults{};
    json::object object;
    std::apply([&](const auto&... field) { (detail::encode_field(object, v, defaults, field), ...); }, Schema<T>::fields);
    return object;
  }
  static json::object describe(Describer& d) {
    const std::string name(Schema<T>::name);
    if (!d.definitions.contains(name)) {
      d.definitions[name] = nullptr;  // guards against recursion
      const T defaults{};
      json::object properties;
      json::array required;
      std::apply([&](const auto&... field) { (detail::describe_field(d, properties, required, defaults, field), ...); }, Schema<T>::fields);
      json::object schema{{"type", "object"}, {"description", json::string_view(Schema<T>::doc.data(), Schema<T>::doc.size())}};
      schema["properties"] = std::move(properties);
      if (!required.empty()) schema["required"] = std::move(required);
      d.definitions[name] = std::move(schema);
    }
    return {{"$ref", "#/$defs/" + name}};
  }
};

template <Described T>
struct Codec<T> : StructCodec<T> {};

// ---- entry points ----

/// Parses JSON text. invalid_argument with line-free position on syntax errors; depth limited to 64.
[[nodiscard]] Result<json::value> parse(std::string_view text);

/// Decodes a document; on failure every violation, in document order of the table.
template <class T>
std::expected<T, Violations> decode(const json::value& document, UnknownFields unknown = UnknownFields::reject,
                                    MemberNames names = MemberNames::exact) {
  Decoder decoder(unknown, names);
  T out{};
  Codec<T>::decode(decoder, document, out);
  if (!decoder.violations().empty()) return std::unexpected(decoder.take());
  return out;
}

/// Parses and decodes; violations become one invalid_argument error, one per line.
template <class T>
[[nodiscard]] Result<T> decode_text(std::string_view text, UnknownFields unknown = UnknownFields::reject,
                                    MemberNames names = MemberNames::exact) {
  auto document = TRY(parse(text));
  auto decoded = decode<T>(document, unknown, names);
  if (!decoded) return std::unexpected(to_error(decoded.error()));
  return std::move(*decoded);
}

template <class T>
json::value encode(const T& value) {
  return Codec<T>::encode(value);
}
template <class T>
std::string encode_text(const T& value) {
  return json::serialize(Codec<T>::encode(value));
}

/// A JSON Schema (draft 2020-12) document for T.
template <class T>
json::object json_schema() {
  Describer d;
  json::object root = Codec<T>::describe(d);
  root["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  root["$defs"] = std::move(d.definitions);
  return root;
}

/// A reference page in Markdown from a document that json_schema() made: one table per definition.
std::string markdown(const json::object& schema);

/// Indented JSON for people, keys in table order, a newline at the end.
std::string pretty(const json::value& value);

}  // namespace fulcrum::schema
