#include "network/naming.h"

#include <algorithm>

#include "network/links.h"

namespace fulcrum::network {
namespace {

/// FNV-1a, 64 bits: stable across versions and machines, which std::hash is not.
std::uint64_t stable_hash(std::initializer_list<std::string_view> parts) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  for (const auto part : parts) {
    for (const char c : part) mix(static_cast<std::uint8_t>(c));
    mix(0);
  }
  return hash ^ hash >> 32;
}

std::string prefix(std::string_view kind, std::string_view instance) {
  return fmt::format("{}{:04x}", kind, stable_hash({instance}) & 0xffff);
}

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

Result<std::string> normal_instance(const std::string& instance) {
  if (instance.empty()) return "0";
  const bool good =
      instance.size() <= 16 && std::ranges::all_of(instance, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  if (!good) return fail(Code::invalid_argument, "network instance \"{}\" is not 1 to 16 of a-z and 0-9", instance);
  return instance;
}

std::string table_name(std::string_view instance) { return instance == "0" ? "fulcrum" : fmt::format("fulcrum_{}", instance); }

std::string bridge_name(std::string_view instance, std::string_view network) {
  return fmt::format("{}{:08x}", prefix("fb", instance), stable_hash({"network", network}) & 0xffffffff);
}

std::string port_name(std::string_view instance, std::string_view workload, std::string_view network) {
  return fmt::format("{}{:08x}", prefix("fv", instance), stable_hash({"endpoint", workload, network}) & 0xffffffff);
}

bool is_own_name(std::string_view instance, std::string_view interface) {
  return interface.size() == 14 && (interface.starts_with(prefix("fb", instance)) || interface.starts_with(prefix("fv", instance)));
}

std::string bridge_alias(std::string_view instance, std::string_view network) {
  return fmt::format("fulcrum:{}:network:{}", instance, network);
}

std::string port_alias(std::string_view instance, std::string_view workload, std::string_view network) {
  constexpr std::size_t kMaxAlias = 255;  // IFALIASZ - 1
  return fmt::format("fulcrum:{}:endpoint:{}:{}", instance, workload, network).substr(0, kMaxAlias);
}

bool is_own_alias(std::string_view instance, std::string_view alias) { return alias.starts_with(fmt::format("fulcrum:{}:", instance)); }

MacAddress bridge_mac(std::string_view instance, std::string_view network) {
  const std::uint64_t hash = stable_hash({"bridge", instance, network});
  MacAddress out{{0x02, 0xfc}};
  for (std::size_t i = 2; i < 6; ++i) out.bytes[i] = static_cast<std::uint8_t>(hash >> (8 * i));
  return out;
}

MacAddress member_mac(const IpAddress& address) {
  MacAddress out{{0x02, 0x42}};
  std::copy(address.bytes().end() - 4, address.bytes().end(), out.bytes.begin() + 2);
  return out;
}

Result<> check_network_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 63 && alphanumeric(name.front()) &&
                    std::ranges::all_of(name, [](char c) { return alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
  if (!good)
    return fail(Code::invalid_argument, "network name \"{}\": wanted a letter or digit, then letters, digits, '_', '.' or '-', 63 at most",
                name.substr(0, 80));
  if (name == "none" || name == "host" || name == "container") return fail(Code::invalid_argument, "network name \"{}\" is reserved", name);
  return {};
}

Result<> check_host_name(std::string_view name) {
  const auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is not a host name", name.substr(0, 80)); };
  if (name.empty() || name.size() > 253) return bad();
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return bad();
      label = 0;
    } else if (!(alphanumeric(c) || c == '-' || c == '_') || ++label > 63) {
      return bad();
    }
  }
  if (label == 0) return bad();
  return {};
}

Result<Mode> Mode::parse(std::string_view text) {
  if (text == "none") return Mode{Kind::none, {}};
  if (text == "host") return Mode{Kind::host, {}};
  constexpr std::string_view kContainer = "container:";
  if (text.starts_with(kContainer)) {
    if (text.size() == kContainer.size()) return fail(Code::invalid_argument, "network \"{}\" names no container", text);
    return Mode{Kind::container, std::string(text.substr(kContainer.size()))};
  }
  TRY(check_network_name(text));
  return Mode{Kind::network, std::string(text)};
}

std::string Mode::str() const {
  switch (kind) {
    case Kind::none: return "none";
    case Kind::host: return "host";
    case Kind::container: return "container:" + target;
    case Kind::network: return target;
  }
  return {};
}

}  // namespace fulcrum::network
