#include "network/ports.h"

#include <charconv>

namespace fulcrum::network {
namespace {

struct Range {
  std::uint16_t first = 0, last = 0;
  unsigned count() const { return last - first + 1U; }
};

std::optional<std::uint16_t> parse_number(std::string_view text) {
  std::uint16_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

Result<Range> parse_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
  if (!first || !last) return fail(Code::invalid_argument, "\"{}\" is not a port or a range of ports", text);
  if (*last < *first || (dash != std::string_view::npos && *first == 0))
    return fail(Code::invalid_argument, "\"{}\" is not a range of ports", text);
  if (static_cast<unsigned>(*last - *first) + 1 > kMaxPortRange)
    return fail(Code::invalid_argument, "\"{}\" has more than {} ports", text, kMaxPortRange);
  return Range{*first, *last};
}

/// "[::1]" → ::1, "127.0.0.1" → itself, "" → nothing.
Result<std::optional<IpAddress>> parse_host(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  const auto address = TRY(IpAddress::parse(text));
  if (!address.is_v4() && address.is_loopback()) {
    return fail(Code::unimplemented, "publish on [::1]: the kernel cannot redirect IPv6 loopback to a container; publish on 127.0.0.1");
  }
  return address;
}

}  // namespace

std::string_view to_string(Protocol protocol) {
  switch (protocol) {
    case Protocol::tcp: return "tcp";
    case Protocol::udp: return "udp";
  }
  return "";
}

Result<PortSpec> PortSpec::parse(std::string_view text) {
  const std::string whole(text.substr(0, 128));
  const auto context = [&] { return fmt::format("port \"{}\"", whole); };
  PortSpec out;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    const auto word = text.substr(slash + 1);
    if (word == "sctp") return fail(Code::unimplemented, "{}: protocol sctp is not supported", context());
    if (word != "tcp" && word != "udp") return fail(Code::invalid_argument, "{}: protocol must be tcp or udp", context());
    out.protocol = word == "udp" ? Protocol::udp : Protocol::tcp;
    text = text.substr(0, slash);
  }
  const auto colon = text.rfind(':');
  const auto inside = TRY(parse_range(colon == std::string_view::npos ? text : text.substr(colon + 1)), "{}", context());
  if (inside.first == 0) return fail(Code::invalid_argument, "{}: the container port cannot be 0", context());
  out.first = inside.first;
  out.last = inside.last;
  if (colon == std::string_view::npos) return out;
  auto left = text.substr(0, colon);
  // What is left is "host", "address:host" or "address:"; an IPv6 address stands in brackets.
  if (const auto split = left.rfind(':'); split != std::string_view::npos) {
    out.host_ip = TRY(parse_host(left.substr(0, split)), "{}", context());
    left = left.substr(split + 1);
  }
  if (left.empty()) return out;
  const auto outside = TRY(parse_range(left), "{}", context());
  out.host_first = outside.first;
  out.host_last = outside.last;
  if (outside.first != 0 && outside.count() != inside.count() && inside.count() != 1)
    return fail(Code::invalid_argument, "{}: the two ranges differ in length", context());
  return out;
}

std::string PublishedPort::str() const {
  const std::string host = host_ip ? (host_ip->is_v4() ? host_ip->str() : "[" + host_ip->str() + "]") : "0.0.0.0";
  return fmt::format("{}:{}->{}/{}", host, host_port, container_port, to_string(protocol));
}

}  // namespace fulcrum::network
