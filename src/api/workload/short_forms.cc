#include "api/workload/short_forms.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/words.h"

namespace fulcrum::api {
namespace {

template <class T>
bool number(std::string_view text, T& out, int base = 10) {
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return err == std::errc() && end == text.data() + text.size() && !text.empty();
}

/// "80" or "80-89" into first and count.
bool port_range(std::string_view text, std::uint16_t& first, std::uint16_t& count) {
  const auto dash = text.find('-');
  std::uint16_t last = 0;
  if (!number(text.substr(0, dash), first)) return false;
  if (dash == std::string_view::npos) {
    count = 1;
    return true;
  }
  if (!number(text.substr(dash + 1), last) || last < first) return false;
  count = static_cast<std::uint16_t>(last - first + 1);
  return true;
}

bool is_address(const std::string& text) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, text.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

bool is_propagation(std::string_view word) {
  return word == "rprivate" || word == "private" || word == "rshared" || word == "shared" || word == "rslave" || word == "slave";
}

/// One boolean word of a key=value list: absent value and true/1 are true.
Result<bool> boolean(std::string_view key, std::string_view value) {
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return fail(Code::invalid_argument, "{}: \"{}\" is not true or false", key, value);
}

Result<> apply_mount_option(Mount& mount, std::string_view key, std::string_view value) {
  if (key == "type") {
    mount.type = value;
  } else if (key == "source" || key == "src") {
    mount.source = value;
  } else if (key == "target" || key == "dst" || key == "destination") {
    mount.target = value;
  } else if (key == "readonly" || key == "ro") {
    mount.read_only = TRY(boolean(key, value));
  } else if (key == "volume-nocopy") {
    mount.no_copy = TRY(boolean(key, value));
  } else if (key == "volume-subpath" || key == "image-subpath") {
    mount.subpath = value;
  } else if (key == "volume-driver" && value == "local") {
    // the only driver there is
  } else if (key == "volume-opt" || key == "volume-label") {
    const auto eq = value.find('=');
    auto& map = key == "volume-opt" ? mount.driver_options : mount.labels;
    map[std::string(value.substr(0, eq))] = eq == std::string_view::npos ? "" : std::string(value.substr(eq + 1));
  } else if (key == "bind-propagation") {
    mount.propagation = value;
  } else if (key == "bind-nonrecursive") {
    mount.non_recursive = TRY(boolean(key, value));
  } else if (key == "bind-recursive") {
    mount.non_recursive = value == "disabled";
    mount.recursive_read_only = value != "writable";
  } else if (key == "bind-create-src") {
    mount.create_source = TRY(boolean(key, value));
  } else if (key == "tmpfs-size") {
    mount.size = Size{TRY(parse_size(value))};
  } else if (key == "tmpfs-mode") {
    std::uint32_t mode = 0;
    if (!number(value, mode, 8)) return fail(Code::invalid_argument, "tmpfs-mode: \"{}\" is not an octal mode", value);
    mount.mode = mode;
  } else {
    return fail(Code::invalid_argument, "\"{}\" is not a mount option", key);
  }
  return {};
}

}  // namespace

std::optional<std::string> check_name(const std::string& name) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  if (name.empty()) return std::nullopt;
  const bool right = name.size() <= 128 && kFirst.find(name[0]) != std::string_view::npos &&
                     name.find_first_not_of(std::string(kFirst) + "_.-") == std::string::npos;
  if (right) return std::nullopt;
  std::string shown;
  for (const char c : name.substr(0, 40)) shown += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return "\"" + shown + "\" is not a name (letters, digits, '_', '.', '-', at most 128, starting with a letter or digit)";
}

Result<PortMapping> parse_port(std::string_view text) {
  const auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is not a port ([hostIp:][hostPort:]port[/protocol])", text); };
  PortMapping out;
  auto rest = text;
  if (const auto slash = rest.rfind('/'); slash != std::string_view::npos) {
    out.protocol = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
    if (out.protocol != "tcp" && out.protocol != "udp")
      return fail(Code::invalid_argument, "\"{}\": protocol {} is not tcp or udp", text, out.protocol);
  }
  const auto last = rest.rfind(':');
  if (!port_range(last == std::string_view::npos ? rest : rest.substr(last + 1), out.port, out.count) || out.port == 0) return bad();
  if (last == std::string_view::npos) return out;
  rest = rest.substr(0, last);
  const auto colon = rest.ends_with(']') ? std::string_view::npos : rest.rfind(':');
  auto host = rest;
  if (rest.starts_with('[')) {
    const auto end = rest.find(']');
    if (end == std::string_view::npos) return bad();
    out.host_ip = rest.substr(1, end - 1);
    if (end + 1 == rest.size()) return bad();
    host = rest.substr(end + 2);
  } else if (colon != std::string_view::npos) {
    out.host_ip = rest.substr(0, colon);
    host = rest.substr(colon + 1);
  }
  if (!out.host_ip.empty() && !is_address(out.host_ip))
    return fail(Code::invalid_argument, "\"{}\": \"{}\" is not an IP address", text, out.host_ip);
  if (host.empty()) return out.host_ip.empty() ? Result<PortMapping>(bad()) : out;
  std::uint16_t count = 1;
  if (!port_range(host, out.host_port, count)) return bad();
  if (count != out.count) return fail(Code::invalid_argument, "\"{}\": the two ranges are not of one length", text);
  return out;
}

std::string format_port(const PortMapping& p) {
  std::string out;
  const auto range = [&](std::uint16_t first) {
    return p.count > 1 ? fmt::format("{}-{}", first, first + p.count - 1) : std::to_string(first);
  };
  if (!p.host_ip.empty()) out += (p.host_ip.find(':') != std::string::npos ? "[" + p.host_ip + "]" : p.host_ip) + ":";
  if (p.host_port != 0) {
    out += range(p.host_port) + ":";
  } else if (!p.host_ip.empty()) {
    out += ":";
  }
  return out + range(p.port) + (p.protocol == "tcp" ? "" : "/" + p.protocol);
}

Result<Mount> parse_volume(std::string_view text) {
  const auto parts = split(text, ':');
  Mount out;
  if (parts.size() > 3 || text.empty()) return fail(Code::invalid_argument, "\"{}\" is not a volume ([source:]target[:options])", text);
  if (parts.size() == 1) {
    out.target = parts[0];
  } else {
    out.source = parts[0];
    out.target = parts[1];
    if (out.source.empty()) return fail(Code::invalid_argument, "\"{}\": the source is empty", text);
    if (std::string_view("/.~").find(out.source[0]) != std::string_view::npos) {
      out.type = "bind";
      out.create_source = true;
    }
  }
  if (!out.target.starts_with('/')) return fail(Code::invalid_argument, "\"{}\": target \"{}\" is not an absolute path", text, out.target);
  if (parts.size() < 3) return out;
  for (const auto& option : split(parts[2], ',')) {
    if (option == "ro" || option == "readonly") {
      out.read_only = true;
    } else if (option == "nocopy") {
      out.no_copy = true;
    } else if (is_propagation(option)) {
      out.propagation = option;
    } else if (option != "rw" && option != "z" && option != "Z") {  // z, Z: SELinux relabelling, nothing to do without SELinux
      return fail(Code::invalid_argument, "\"{}\": \"{}\" is not a volume option", text, option);
    }
  }
  if (out.type == "volume" && !out.propagation.empty()) return fail(Code::invalid_argument, "\"{}\": propagation is for binds", text);
  return out;
}

Result<Mount> parse_mount(std::string_view text) {
  Mount out;
  for (const auto& part : split(text, ',')) {
    const auto eq = part.find('=');
    TRY(apply_mount_option(out, std::string_view(part).substr(0, eq), eq == std::string::npos ? "" : std::string_view(part).substr(eq + 1)),
        "\"{}\"", text);
  }
  if (out.target.empty()) return fail(Code::invalid_argument, "\"{}\": target is missing", text);
  if (!out.target.starts_with('/')) return fail(Code::invalid_argument, "\"{}\": target is not an absolute path", text);
  if (out.type == "bind" && out.source.empty()) return fail(Code::invalid_argument, "\"{}\": source is missing", text);
  if (out.type == "tmpfs" && !out.source.empty()) return fail(Code::invalid_argument, "\"{}\": a tmpfs has no source", text);
  return out;
}

Result<Mount> parse_tmpfs(std::string_view text) {
  Mount out;
  out.type = "tmpfs";
  const auto colon = text.find(':');
  out.target = text.substr(0, colon);
  if (!out.target.starts_with('/')) return fail(Code::invalid_argument, "\"{}\": target is not an absolute path", text);
  if (colon == std::string_view::npos) return out;
  for (const auto& option : split(text.substr(colon + 1), ',')) {
    if (option == "ro") {
      out.read_only = true;
    } else if (option.starts_with("size=")) {
      const auto size = parse_size(option.substr(5));
      if (size) {
        out.size = Size{*size};
      } else {
        out.options.push_back(option);  // size=50%
      }
    } else if (option.starts_with("mode=")) {
      std::uint32_t mode = 0;
      if (!number(std::string_view(option).substr(5), mode, 8))
        return fail(Code::invalid_argument, "\"{}\": {} is not an octal mode", text, option);
      out.mode = mode;
    } else if (!option.empty() && option != "rw") {
      out.options.push_back(option);
    }
  }
  return out;
}

Result<FileReference> parse_file_reference(std::string_view text) {
  FileReference out;
  if (text.find('=') == std::string_view::npos) {
    out.source = text;
    if (text.empty()) return fail(Code::invalid_argument, "a secret or config needs a name");
    return out;
  }
  for (const auto& part : split(text, ',')) {
    const auto eq = part.find('=');
    const auto key = part.substr(0, eq);
    const auto value = eq == std::string::npos ? std::string() : part.substr(eq + 1);
    bool right = true;
    if (key == "source" || key == "src") {
      out.source = value;
    } else if (key == "target" || key == "dst") {
      out.target = value;
    } else if (key == "uid") {
      right = number(value, out.uid);
    } else if (key == "gid") {
      right = number(value, out.gid);
    } else if (key == "mode") {
      right = number(value, out.mode, 8);
    } else {
      right = false;
    }
    if (!right) return fail(Code::invalid_argument, "\"{}\": \"{}\" is not right", text, part);
  }
  if (out.source.empty()) return fail(Code::invalid_argument, "\"{}\": source is missing", text);
  return out;
}

Result<NetworkAttachment> parse_network_attachment(std::string_view text) {
  NetworkAttachment out;
  if (text.find('=') == std::string_view::npos) {
    out.name = text;
  } else {
    for (const auto& part : split(text, ',')) {
      const auto eq = part.find('=');
      const auto key = part.substr(0, eq);
      const auto value = eq == std::string::npos ? std::string() : part.substr(eq + 1);
      if (key == "name") {
        out.name = value;
      } else if (key == "alias") {
        out.aliases.push_back(value);
      } else if (key == "ip") {
        out.ip = value;
      } else if (key == "ip6") {
        out.ip6 = value;
      } else if (key == "mac-address") {
        out.mac = value;
      } else if (key != "gw-priority" || !number(value, out.priority)) {
        return fail(Code::invalid_argument, "\"{}\": \"{}\" is not right", text, part);
      }
    }
  }
  if (out.name.empty()) return fail(Code::invalid_argument, "\"{}\": a network needs a name", text);
  return out;
}

Result<Device> parse_device(std::string_view text) {
  const auto parts = split(text, ':');
  Device out;
  out.source = parts[0];
  if (parts.size() > 3 || !out.source.starts_with('/'))
    return fail(Code::invalid_argument, "\"{}\" is not a device (source[:target[:rwm]])", text);
  const auto permissions = [](const std::string& word) { return !word.empty() && word.find_first_not_of("rwm") == std::string::npos; };
  if (parts.size() == 2 && permissions(parts[1])) {
    out.permissions = parts[1];
  } else if (parts.size() >= 2) {
    out.target = parts[1];
    if (!out.target.starts_with('/')) return fail(Code::invalid_argument, "\"{}\": target is not an absolute path", text);
  }
  if (parts.size() == 3) {
    if (!permissions(parts[2])) return fail(Code::invalid_argument, "\"{}\": permissions are some of r, w, m", text);
    out.permissions = parts[2];
  }
  return out;
}

Result<RestartPolicy> parse_restart(std::string_view text) {
  RestartPolicy out;
  const auto colon = text.find(':');
  out.name = text.empty() ? "no" : text.substr(0, colon);
  const bool known = out.name == "no" || out.name == "always" || out.name == "unless-stopped" || out.name == "on-failure";
  if (!known) return fail(Code::invalid_argument, "\"{}\" is not one of no, always, unless-stopped, on-failure[:N]", text);
  if (colon == std::string_view::npos) return out;
  if (out.name != "on-failure" || !number(text.substr(colon + 1), out.max_retries))
    return fail(Code::invalid_argument, "\"{}\": only on-failure takes a number", text);
  return out;
}

Result<std::pair<std::string, Ulimit>> parse_ulimit(std::string_view text) {
  const auto eq = text.find('=');
  const auto bad = [&] { return fail(Code::invalid_argument, "\"{}\" is not a limit (name=soft[:hard])", text); };
  if (eq == std::string_view::npos || eq == 0) return bad();
  const auto values = text.substr(eq + 1);
  const auto colon = values.find(':');
  Ulimit limit;
  if (!number(values.substr(0, colon), limit.soft)) return bad();
  limit.hard = limit.soft;
  if (colon != std::string_view::npos && !number(values.substr(colon + 1), limit.hard)) return bad();
  if (limit.soft < -1 || limit.hard < -1) return bad();
  if (limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard))
    return fail(Code::invalid_argument, "\"{}\": the soft limit is above the hard limit", text);
  return std::pair{std::string(text.substr(0, eq)), limit};
}

}  // namespace fulcrum::api
