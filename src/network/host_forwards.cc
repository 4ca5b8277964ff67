#include "network/host_forwards.h"

#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/sys.h"
#include "base/wait.h"

namespace fulcrum::network {
namespace {

namespace json = boost::json;

constexpr std::chrono::seconds kAnswer{10};
constexpr std::size_t kMaxAnswer = 4 << 20;

std::string host_address(const PublishedPort& port) { return port.host_ip ? port.host_ip->str() : "0.0.0.0"; }

/// Reads to the end of the stream: slirp4netns answers once and closes.
Result<std::string> read_answer(int fd) {
  std::string text;
  char buffer[16 << 10];
  const auto deadline = Deadline::in(kAnswer);
  for (;;) {
    TRY(wait_any(StopSource::never(), deadline, {{fd, POLLIN}}), "wait for slirp4netns");
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "read from slirp4netns");
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > kMaxAnswer) return fail(Code::resource_exhausted, "slirp4netns's answer is longer than {} bytes", kMaxAnswer);
  }
}

Result<json::object> parse_object(std::string_view text) {
  json::error_code error;
  auto value = json::parse(text, error);
  if (error || !value.is_object()) return fail(Code::data_loss, "slirp4netns said \"{}\"", text.substr(0, 200));
  return std::move(value.get_object());
}

template <class Number>
Result<Number> number(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* signed_value = value != nullptr ? value->if_int64() : nullptr;
  if (signed_value == nullptr || *signed_value < 0 || *signed_value > std::numeric_limits<Number>::max())
    return fail(Code::data_loss, "slirp4netns's {} is no number in range", name);
  return static_cast<Number>(*signed_value);
}

Result<std::string_view> word(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return fail(Code::data_loss, "slirp4netns's {} is no text", name);
  return std::string_view(value->get_string());
}

Result<HostForward> parse_forward(const json::object& entry) {
  HostForward forward{.id = TRY(number<int>(entry, "id")), .port = {}};
  const auto protocol = TRY(word(entry, "proto"));
  if (protocol != "tcp" && protocol != "udp") return fail(Code::data_loss, "slirp4netns's proto is \"{}\"", protocol);
  forward.port.protocol = protocol == "tcp" ? Protocol::tcp : Protocol::udp;
  const auto address = TRY(IpAddress::parse(TRY(word(entry, "host_addr"))));
  if (address.str() != "0.0.0.0") forward.port.host_ip = address;
  forward.port.host_port = TRY(number<std::uint16_t>(entry, "host_port"));
  forward.port.container_port = TRY(number<std::uint16_t>(entry, "guest_port"));
  return forward;
}

}  // namespace

Result<std::vector<HostForward>> parse_forwards(std::string_view text) {
  const auto answer = TRY(parse_object(text));
  // The manual shows the list within "return"; 1.2 gives it bare.
  const auto* wrapped = answer.if_contains("return");
  const auto* object = wrapped != nullptr ? wrapped->if_object() : &answer;
  const auto* found = object != nullptr ? object->if_contains("entries") : nullptr;
  const auto* entries = found != nullptr ? found->if_array() : nullptr;
  if (entries == nullptr) return fail(Code::data_loss, "slirp4netns said \"{}\"", text.substr(0, 200));
  std::vector<HostForward> forwards;
  for (const auto& entry : *entries) {
    if (!entry.is_object()) return fail(Code::data_loss, "an entry of slirp4netns is no object");
    forwards.push_back(TRY(parse_forward(entry.get_object())));
  }
  return forwards;
}

Result<std::string> HostForwards::call(std::string_view request) const {
  const auto socket = sys::connect_unix(socket_);
  if (!socket)
    return fail(Code::unavailable, "slirp4netns does not answer ({}); a restart of the daemon starts it again", socket.error().message);
  TRY(sys::write_all(socket->get(), request), "ask slirp4netns");
  if (::shutdown(socket->get(), SHUT_WR) != 0) return fail_errno(errno, "ask slirp4netns");
  return read_answer(socket->get());
}

Result<> HostForwards::open(const PublishedPort& port) const {
  if (port.host_ip && !port.host_ip->is_v4())
    return fail(Code::unimplemented, "ports: slirp4netns publishes no IPv6 address ({})", port.str());
  const json::object request{{"execute", "add_hostfwd"},
                             {"arguments", json::object{{"proto", to_string(port.protocol)},
                                                        {"host_addr", host_address(port)},
                                                        {"host_port", port.host_port},
                                                        {"guest_addr", guest_},
                                                        {"guest_port", port.host_port}}}};
  const auto answer = TRY(parse_object(TRY(call(json::serialize(request)))));
  const auto* error = answer.if_contains("error");
  if (error == nullptr) return {};
  // slirp4netns does not say why: ours already, somebody else's, or one below the first that ordinary users may bind.
  for (const auto& forward : TRY(list())) {
    if (forward.port.protocol == port.protocol && forward.port.host_ip == port.host_ip && forward.port.host_port == port.host_port)
      return {};
  }
  const auto first = sys::read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", 64).value_or("1024");
  if (port.host_port < std::strtoul(first.c_str(), nullptr, 10) || port.host_port < 1024)
    return fail(Code::permission_denied,
                "host port {} cannot be bound: ordinary users get ports below 1024 only where "
                "net.ipv4.ip_unprivileged_port_start allows it",
                port.str());
  return fail(Code::already_exists, "host port {} is in use on the host", port.str());
}

Result<> HostForwards::close(const PublishedPort& port) const {
  for (const auto& forward : TRY(list())) {
    if (forward.port.protocol != port.protocol || forward.port.host_ip != port.host_ip || forward.port.host_port != port.host_port)
      continue;
    const json::object request{{"execute", "remove_hostfwd"}, {"arguments", json::object{{"id", forward.id}}}};
    TRY(call(json::serialize(request)));
  }
  return {};
}

Result<std::vector<HostForward>> HostForwards::list() const { return parse_forwards(TRY(call(R"({"execute":"list_hostfwd"})"))); }

}  // namespace fulcrum::network
