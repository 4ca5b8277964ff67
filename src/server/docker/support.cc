#include "server/docker/support.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>

#include "base/pattern.h"
#include "control/plan.h"

namespace fulcrum::server::docker {

namespace json = boost::json;

namespace {

constexpr std::string_view kDefaultBridge = "bridge";

}  // namespace

Result<Filters> Filters::parse(const http::Query& query, std::initializer_list<std::string_view> known) {
  Filters filters;
  const auto text = query.get("filters");
  if (!text || text->empty()) return filters;
  boost::system::error_code error;
  const auto document = json::parse(*text, error);
  if (error || !document.is_object()) return fail(Code::invalid_argument, "invalid filter: \"{}\" is no JSON object", *text);
  for (const auto& [name, given] : document.get_object()) {
    if (std::find(known.begin(), known.end(), std::string_view(name)) == known.end())
      return fail(Code::invalid_argument, "invalid filter '{}'", std::string_view(name));
    auto& values = filters.values_[name];
    if (const auto* list = given.if_array()) {
      for (const auto& value : *list) {
        if (!value.is_string()) return fail(Code::invalid_argument, "invalid filter '{}': values are strings", std::string_view(name));
        values.emplace_back(value.get_string());
      }
    } else if (const auto* set = given.if_object()) {
      for (const auto& [value, on] : *set) {
        if (!on.is_bool()) return fail(Code::invalid_argument, "invalid filter '{}': a map's values are true", std::string_view(name));
        if (on.get_bool()) values.emplace_back(value);
      }
    } else {
      return fail(Code::invalid_argument, "invalid filter '{}': a list or a map of values is needed", std::string_view(name));
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }
  return filters;
}

const std::vector<std::string>& Filters::get(std::string_view key) const {
  static const std::vector<std::string> kNone;
  const auto it = values_.find(key);
  return it == values_.end() ? kNone : it->second;
}

bool Filters::accepts(std::string_view key, std::string_view value) const {
  const auto& values = get(key);
  return values.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

Filters Filters::without(std::string_view key) const {
  Filters others = *this;
  if (const auto it = others.values_.find(key); it != others.values_.end()) others.values_.erase(it);
  return others;
}

bool Filters::matches(std::string_view key, std::string_view text) const {
  const auto& values = get(key);
  return values.empty() || std::any_of(values.begin(), values.end(), [&](const std::string& value) {
           if (value == text) return true;
           const auto pattern = Pattern::parse(value);
           return pattern && pattern->found_in(text);
         });
}

Result<std::optional<bool>> Filters::boolean(std::string_view key) const {
  const auto& values = get(key);
  if (values.empty()) return std::nullopt;
  const auto truth = [](std::string_view text) { return text == "1" || text == "true" || text == "True" || text == "t"; };
  const auto falsehood = [](std::string_view text) { return text == "0" || text == "false" || text == "False" || text == "f"; };
  if (values.size() == 1 && truth(values[0])) return true;
  if (values.size() == 1 && falsehood(values[0])) return false;
  return fail(Code::invalid_argument, "invalid filter '{}=[{}]'", key, fmt::join(values, " "));
}

bool Filters::labels(const std::map<std::string, std::string>& labels) const {
  const auto& unwanted = get("label!");
  return native::labels_match(labels, get("label")) &&
         std::none_of(unwanted.begin(), unwanted.end(), [&](const std::string& text) { return native::labels_match(labels, {text}); });
}

bool flag(const http::Query& query, std::string_view name) {
  std::string text(query.get_or(name, ""));
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return !(text.empty() || text == "0" || text == "no" || text == "false" || text == "none");
}

Result<std::optional<Time>> unix_time(const http::Query& query, std::string_view name) {
  const auto text = query.get(name);
  if (!text || text->empty()) return std::nullopt;
  const auto invalid = [&] { return fail(Code::invalid_argument, "invalid value for \"{}\": \"{}\" is no Unix time", name, *text); };
  std::int64_t seconds = 0;
  const auto* end = text->data() + text->size();
  const auto [point, error] = std::from_chars(text->data(), end, seconds);
  if (error != std::errc() || seconds < -9'000'000'000 || seconds > 9'000'000'000) return invalid();
  std::string fraction(point, end);
  if (!fraction.empty() && (fraction[0] != '.' || fraction.size() < 2 || fraction.size() > 10)) return invalid();
  fraction.resize(10, '0');
  std::int64_t nanoseconds = 0;
  const auto [rest, bad] = std::from_chars(fraction.data() + 1, fraction.data() + 10, nanoseconds);
  if (bad != std::errc() || rest != fraction.data() + 10 || nanoseconds < 0) return invalid();
  return Time(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds));
}

Result<api::Workload> find_container(Api& api, std::string_view reference) {
  const auto name = reference.starts_with('/') ? reference.substr(1) : reference;
  auto found = api.native.engine.objects().find(std::string(name));
  if (!found && found.error().code == Code::not_found) return fail(Code::not_found, "No such container: {}", name);
  return found;
}

std::string docker_network_name(std::string_view engine_name) {
  return std::string(engine_name == control::kDefaultNetwork ? kDefaultBridge : engine_name);
}

std::string engine_network_name(std::string_view docker_name) {
  return std::string(docker_name == kDefaultBridge || docker_name == "default" ? control::kDefaultNetwork : docker_name);
}

}  // namespace fulcrum::server::docker
