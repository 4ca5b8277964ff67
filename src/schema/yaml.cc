#include "schema/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <sstream>
#include <string>

#include "base/words.h"

namespace fulcrum::schema {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxText = 8 << 20;
constexpr std::size_t kMaxNodes = 100'000;
constexpr int kMaxDepth = 64;
constexpr int kMaxDocuments = 1000;

/// Listens to nothing: for finding out how many documents there are.
class Deaf final : public YAML::EventHandler {
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

/// Some malformed text makes yaml-cpp 0.7 find empty documents without end, and LoadAll() keep them all.
bool ends(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  Deaf deaf;
  for (int documents = 0; parser.HandleNextDocument(deaf);)
    if (++documents > kMaxDocuments) return false;
  return true;
}

json::value number_or_string(const std::string& text) {
  auto digits = std::string_view(text);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty()) return json::value(json::string(text));
  auto parse_integer = [&](std::string_view body, int base) -> std::optional<json::value> {
    std::uint64_t n = 0;
    const auto [end, err] = std::from_chars(body.data(), body.data() + body.size(), n, base);
    if (err != std::errc() || end != body.data() + body.size() || body.empty()) return std::nullopt;
    if (!negative) return n <= INT64_MAX ? json::value(static_cast<std::int64_t>(n)) : json::value(n);
    if (n > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    return json::value(-static_cast<std::int64_t>(n));
  };
  if (digits.starts_with("0x")) {
    if (auto v = parse_integer(digits.substr(2), 16)) return *v;
  } else if (digits.starts_with("0o")) {
    if (auto v = parse_integer(digits.substr(2), 8)) return *v;
  } else if (auto v = parse_integer(digits, 10)) {
    return *v;
  }
  const bool decimal =
      digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos && digits.find_first_of("0123456789") != std::string_view::npos;
  if (decimal) {
    double n = 0;
    const auto [end, err] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (err == std::errc() && end == digits.data() + digits.size() && std::isfinite(n)) return negative ? -n : n;
  }
  return json::value(json::string(text));
}

json::value scalar(const YAML::Node& node) {
  const auto& text = node.Scalar();
  // yaml-cpp: the tag "?" marks a plain scalar, "!" a quoted one.
  if (node.Tag() != "?" && node.Tag() != "") {
    if (node.Tag() == "tag:yaml.org,2002:int" || node.Tag() == "tag:yaml.org,2002:float") return number_or_string(text);
    return json::value(json::string(text));
  }
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (text.empty() || text == "null" || text == "Null" || text == "NULL" || text == "~") return nullptr;
  return number_or_string(text);
}

Result<json::value> convert(const YAML::Node& node, int depth, std::size_t& nodes) {
  if (depth > kMaxDepth) return fail(Code::resource_exhausted, "YAML nested deeper than {} levels", kMaxDepth);
  if (++nodes > kMaxNodes) return fail(Code::resource_exhausted, "YAML holds more than {} values", kMaxNodes);
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null: return json::value(nullptr);
    case YAML::NodeType::Scalar: return scalar(node);
    case YAML::NodeType::Sequence: {
      json::array out;
      for (const auto& element : node) out.push_back(TRY(convert(element, depth + 1, nodes)));
      return json::value(std::move(out));
    }
    case YAML::NodeType::Map: {
      json::object out;
      for (const auto& pair : node) {
        if (!pair.first.IsScalar()) return fail(Code::invalid_argument, "line {}: a key must be a plain word", pair.first.Mark().line + 1);
        const auto& key = pair.first.Scalar();
        auto value = TRY(convert(pair.second, depth + 1, nodes));
        if (key == "<<" && pair.first.Tag() == "?") {  // merge key: what stands here already wins
          const auto merge = [&](const json::value& from) {
            if (const auto* object = from.if_object())
              for (const auto& member : *object) out.emplace(member.key(), member.value());
          };
          if (const auto* list = value.if_array()) {
            for (const auto& from : *list) merge(from);
          } else {
            merge(value);
          }
          continue;
        }
        if (out.contains(key) && !node["<<"])
          return fail(Code::invalid_argument, "line {}: {} stands twice", pair.first.Mark().line + 1, key);
        out[key] = std::move(value);
      }
      return json::value(std::move(out));
    }
  }
  return json::value(nullptr);
}

}  // namespace

Result<std::vector<json::value>> parse_yaml(std::string_view text) {
  if (text.size() > kMaxText) return fail(Code::resource_exhausted, "YAML larger than {} bytes", kMaxText);
  // yaml-cpp would take NUL bytes for a sign of UTF-16.
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) return fail(Code::invalid_argument, "not YAML: not UTF-8");
  try {
    const std::string copy(text);
    if (!ends(copy)) return fail(Code::invalid_argument, "not YAML: more than {} documents, or text that never ends one", kMaxDocuments);
    std::vector<json::value> out;
    std::size_t nodes = 0;
    for (const auto& document : YAML::LoadAll(copy)) out.push_back(TRY(convert(document, 0, nodes)));
    return out;
  } catch (const YAML::Exception& e) {
    return fail(Code::invalid_argument, "not YAML: line {}, column {}: {}", e.mark.line + 1, e.mark.column + 1, e.msg);
  }
}

}  // namespace fulcrum::schema
