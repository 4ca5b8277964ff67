#include "api/workload/spec_schema.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>

#include "base/words.h"

namespace fulcrum::schema {

void Codec<api::Command>::decode(Decoder& d, const json::value& v, api::Command& out) {
  const auto* text = v.if_string();
  if (text == nullptr) return Codec<std::vector<std::string>>::decode(d, v, out.words);
  auto words = split_words(std::string_view(text->data(), text->size()));
  if (words) {
    out.words = std::move(*words);
  } else {
    d.violation(words.error().message);
  }
}

json::value Codec<api::Command>::encode(const api::Command& v) { return Codec<std::vector<std::string>>::encode(v.words); }

json::object Codec<api::Command>::describe(Describer&) {
  return {{"anyOf",
           json::array{json::object{{"type", "array"}, {"items", json::object{{"type", "string"}}}}, json::object{{"type", "string"}}}}};
}

namespace {

std::optional<std::string> scalar_text(const json::value& v) {
  if (const auto* s = v.if_string()) return std::string(s->data(), s->size());
  if (v.is_bool() || v.is_int64() || v.is_uint64()) return json::serialize(v);
  if (const auto* n = v.if_double()) return fmt::format("{}", *n);
  return std::nullopt;
}

void check_variable_name(Decoder& d, std::string_view name) {
  if (name.empty() || name.find('=') != std::string_view::npos || name.find('\0') != std::string_view::npos)
    d.violation("\"" + std::string(name) + "\" is not a variable name");
}

}  // namespace

void Codec<api::Environment>::decode(Decoder& d, const json::value& v, api::Environment& out) {
  out.variables.clear();
  if (const auto* object = v.if_object()) {
    for (const auto& [key, value] : *object) {
      const std::string name(key.data(), key.size());
      Decoder::Scope scope(d, name);
      check_variable_name(d, name);
      auto text = scalar_text(value);
      if (!text && !value.is_null()) d.mismatch(value, "a string");
      out.variables.emplace_back(name, std::move(text));
    }
    return;
  }
  const auto* array = v.if_array();
  if (array == nullptr) return d.mismatch(v, "a map or a list of NAME=value");
  std::unordered_map<std::string, std::size_t> places;  // a name that comes again has its last value, at its first place
  for (std::size_t i = 0; i < array->size(); ++i) {
    Decoder::Scope scope(d, i);
    std::string text;
    detail::decode_string(d, (*array)[i], text);
    const auto eq = text.find('=');
    auto name = text.substr(0, eq);
    check_variable_name(d, name);
    const auto value = eq == std::string::npos ? std::nullopt : std::optional(text.substr(eq + 1));
    const auto [place, is_new] = places.emplace(name, out.variables.size());
    if (is_new) {
      out.variables.emplace_back(std::move(name), value);
    } else {
      out.variables[place->second].second = value;
    }
  }
}

json::value Codec<api::Environment>::encode(const api::Environment& v) {
  json::object out;
  for (const auto& [name, value] : v.variables) out[name] = value ? json::value(json::string(*value)) : json::value(nullptr);
  return out;
}

json::object Codec<api::Environment>::describe(Describer&) {
  return {{"anyOf",
           json::array{json::object{{"type", "object"}}, json::object{{"type", "array"}, {"items", json::object{{"type", "string"}}}}}}};
}

void Schema<api::Health>::check(Decoder& d, const api::Health& v) {
  if (v.disable) return;
  const int kinds = (v.command.empty() ? 0 : 1) + (v.http.empty() ? 0 : 1) + (v.tcp ? 1 : 0);
  const bool only_timing = kinds == 0 && (v.interval || v.timeout || v.start_period || v.start_interval || v.retries);
  if (kinds != 1 && !only_timing) d.violation("needs exactly one of command, http, tcp");
  if ((!v.http.empty() || v.tcp) && !v.port) {
    Decoder::Scope scope(d, "port");
    d.violation("is required for http and tcp");
  }
  if (v.shell && v.command.words.size() != 1) d.violation("shell takes a command of one string");
}

namespace {

void check_source(Decoder& d, const api::WorkloadSpec& v) {
  const int sources = (v.image.empty() ? 0 : 1) + (v.disk.empty() ? 0 : 1) + (v.code.empty() ? 0 : 1);
  if (sources == 0) {
    Decoder::Scope scope(d, "image");
    d.violation("is required (or disk, or code)");
  }
  if (sources > 1) d.violation("image, disk and code exclude each other");
}

void check_networks(Decoder& d, const api::WorkloadSpec& v) {
  const bool no_own = v.network == "none" || v.network == "host" || v.network.starts_with("container:");
  if (no_own && !v.networks.empty()) {
    Decoder::Scope scope(d, "networks");
    d.violation("cannot be joined with network: " + v.network);
  }
  if (no_own && v.network != "none" && !v.ports.empty() && v.network != "host") {
    Decoder::Scope scope(d, "ports");
    d.violation("cannot be published with network: " + v.network);
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < v.networks.size(); ++i) {
    if (seen.insert(v.networks[i].name).second) continue;
    Decoder::Scope list(d, "networks");
    Decoder::Scope scope(d, i);
    d.violation("\"" + v.networks[i].name + "\" stands twice");
  }
}

void check_volumes(Decoder& d, const api::WorkloadSpec& v) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < v.volumes.size(); ++i) {
    const auto& mount = v.volumes[i];
    Decoder::Scope list(d, "volumes");
    Decoder::Scope scope(d, i);
    if (!seen.insert(mount.target).second) d.violation("\"" + mount.target + "\" is mounted twice");
    if ((mount.type == "bind" || mount.type == "image") && mount.source.empty()) d.violation("source is required for " + mount.type);
    if (mount.type == "bind" && !mount.source.starts_with('/')) d.violation("source \"" + mount.source + "\" is not an absolute path");
    if (mount.type == "volume" && !mount.source.empty())
      if (auto message = api::check_name(mount.source)) d.violation("source " + *message);
    if (mount.type != "tmpfs" && (mount.size || mount.mode || !mount.options.empty())) d.violation("size, mode and options are for tmpfs");
  }
}

}  // namespace

void Schema<api::WorkloadSpec>::check(Decoder& d, const api::WorkloadSpec& v) {
  check_source(d, v);
  check_networks(d, v);
  check_volumes(d, v);
  if (v.auto_remove && v.restart.name != "no" && v.restart.name != "on-failure") {
    Decoder::Scope scope(d, "autoRemove");
    d.violation("excludes restart: " + v.restart.name);
  }
  if (v.resources.cpus && v.resources.cpu_quota) {
    Decoder::Scope scope(d, "resources.cpus");
    d.violation("excludes cpuQuota");
  }
}

}  // namespace fulcrum::schema
