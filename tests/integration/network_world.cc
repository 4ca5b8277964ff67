#include "network_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

#include <cstring>

#include "base/process.h"
#include "base/sys.h"
#include "network/dns/loop.h"
#include "network/dns/message.h"

namespace fulcrum::network::world {
namespace {

using network::SocketAddress;

UniqueFd make_socket(const IpAddress& address, Protocol protocol) {
  return UniqueFd(::socket(address.is_v4() ? AF_INET : AF_INET6,
                           (protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Result<UniqueFd> dial(const std::string& address, std::uint16_t port, Protocol protocol, const Deadline& deadline) {
  const auto ip = TRY(IpAddress::parse(address));
  auto fd = make_socket(ip, protocol);
  const SocketAddress peer = SocketAddress::of(ip, port);
  if (::connect(fd.get(), peer.get(), peer.length) < 0) {
    if (errno != EINPROGRESS) return fail_errno(errno, "connect");
    TRY(wait_any(StopSource::never(), deadline, {{fd.get(), POLLOUT}}));
    int error = 0;
    socklen_t length = sizeof error;
    (void)::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return fail_errno(error, "connect");
  }
  return fd;
}

/// Reads one datagram, or a stream until it ends or has `enough` bytes.
Result<std::string> read_reply(int fd, Protocol protocol, const Deadline& deadline, const std::function<bool(const std::string&)>& enough) {
  std::string out;
  for (;;) {
    TRY(wait_any(StopSource::never(), deadline, {{fd, POLLIN}}));
    char buffer[65536];
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) continue;
    if (n < 0) return fail_errno(errno, "receive");
    out.append(buffer, static_cast<std::size_t>(n));
    if (protocol == Protocol::udp || n == 0 || enough(out)) return out;
  }
}

std::string encode_question(const std::string& name, std::uint16_t type) {
  std::string out("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  for (std::size_t at = 0; at < name.size();) {
    const auto dot = std::min(name.find('.', at), name.size());
    out += static_cast<char>(dot - at);
    out += name.substr(at, dot - at);
    at = dot + 1;
  }
  return out + std::string("\0", 1) + static_cast<char>(type >> 8) + static_cast<char>(type) + std::string("\0\1", 2);
}

Result<DnsAnswer> decode_answer(const std::string& text) {
  const dns::Bytes message(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const auto query = TRY(dns::parse(message));
  DnsAnswer out{message[3] & 15, query.truncated, {}};
  std::size_t offset = dns::kHeaderSize + query.raw_question.size();
  for (int i = 0; i < message[7]; ++i) {
    TRY(dns::parse_name(message, offset));
    const unsigned type = message[offset + 1];
    std::size_t data = offset + 10;
    offset = data + static_cast<std::size_t>(message[offset + 8] << 8 | message[offset + 9]);
    if (type == dns::type::a)
      out.records.push_back(IpAddress::v4(static_cast<std::uint32_t>(message[data]) << 24 | message[data + 1] << 16 |
                                          message[data + 2] << 8 | message[data + 3])
                                .str());
    if (type == dns::type::aaaa) out.records.push_back(IpAddress::v6(message.subspan(data).first<16>()).str());
    if (type == dns::type::ptr) out.records.push_back(TRY(dns::parse_name(message, data)));
  }
  return out;
}

std::string run_program(const std::vector<std::string>& argv) {
  Process::Spec spec;
  spec.argv = argv;
  const auto output = run(spec, "", StopSource::never(), Deadline::in(std::chrono::seconds(30)));
  if (!output || !output->status.ok()) {
    std::string line;
    for (const auto& word : argv) line += word + " ";
    ADD_FAILURE() << line << ": " << (output ? output->err : output.error().message);
    return {};
  }
  return output->out;
}

}  // namespace

void inside(int netns_fd, const std::function<void()>& function) {
  if (netns_fd == kHere) return function();
  std::jthread([&] {
    FULCRUM_ASSERT(::setns(netns_fd, CLONE_NEWNET) == 0);
    function();
  });
}

Namespace::Namespace() {
  std::jthread([&] {
    FULCRUM_ASSERT(::unshare(CLONE_NEWNET) == 0);
    fd_ = UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  FULCRUM_ASSERT(fd_.valid());
}

std::string Namespace::run(const std::vector<std::string>& argv) const {
  std::string out;
  inside(fd(), [&] { out = run_program(argv); });
  return out;
}

std::string run_here(const std::vector<std::string>& argv) { return run_program(argv); }

Server::Server(int netns_fd, const std::string& address, std::uint16_t port, Protocol protocol, std::string text)
    : protocol_(protocol), text_(std::move(text)) {
  inside(netns_fd, [&] {
    const auto ip = IpAddress::parse(address).value();
    socket_ = make_socket(ip, protocol);
    const int on = 1;
    (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const SocketAddress at = SocketAddress::of(ip, port);
    FULCRUM_ASSERT(::bind(socket_.get(), at.get(), at.length) == 0);
    if (protocol == Protocol::tcp) FULCRUM_ASSERT(::listen(socket_.get(), 16) == 0);
  });
  thread_ = std::jthread([this] { serve(); });
}

Server::~Server() { stop_.request_stop(); }

void Server::serve() {
  while (wait_any(stop_, Deadline::never(), {{socket_.get(), POLLIN}})) {
    SocketAddress peer;
    if (protocol_ == Protocol::udp) {
      char buffer[2048];
      if (::recvfrom(socket_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length) < 0) continue;
      const std::string reply = text_ + " " + peer.address().str();
      (void)::sendto(socket_.get(), reply.data(), reply.size(), 0, peer.get(), peer.length);
      continue;
    }
    UniqueFd client(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.length, SOCK_CLOEXEC));
    if (!client.valid()) continue;
    const std::string reply = text_ + " " + peer.address().str();
    (void)::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
  }
}

Result<std::string> fetch(int netns_fd, const std::string& address, std::uint16_t port, Protocol protocol,
                          std::chrono::milliseconds patience) {
  Result<std::string> out;
  const auto deadline = Deadline::in(patience);
  inside(netns_fd, [&] {
    out = [&]() -> Result<std::string> {
      const auto fd = TRY(dial(address, port, protocol, deadline));
      if (protocol == Protocol::udp && ::send(fd.get(), "?", 1, 0) < 0) return fail_errno(errno, "send");
      return read_reply(fd.get(), protocol, deadline, [](const std::string&) { return false; });
    }();
  });
  return out;
}

bool silent(int netns_fd, const std::string& address, std::uint16_t port, Protocol protocol) {
  return !fetch(netns_fd, address, port, protocol, std::chrono::milliseconds(400));
}

Result<DnsAnswer> ask(int netns_fd, const std::string& server, const std::string& name, std::uint16_t type, Protocol protocol) {
  Result<DnsAnswer> out;
  inside(netns_fd, [&] {
    out = [&]() -> Result<DnsAnswer> {
      const auto deadline = Deadline::in(std::chrono::seconds(5));
      const auto fd = TRY(dial(server, 53, protocol, deadline));
      std::string question = encode_question(name, type);
      const bool tcp = protocol == Protocol::tcp;
      if (tcp) question = std::string("\0", 1) + static_cast<char>(question.size()) + question;
      if (::send(fd.get(), question.data(), question.size(), MSG_NOSIGNAL) < 0) return fail_errno(errno, "send");
      const auto enough = [](const std::string& text) {
        return text.size() >= 2 &&
               text.size() - 2 >= static_cast<std::size_t>(static_cast<unsigned char>(text[0]) << 8 | static_cast<unsigned char>(text[1]));
      };
      const auto reply = TRY(read_reply(fd.get(), protocol, deadline, enough));
      if (tcp && !enough(reply)) return fail(Code::unavailable, "the name server hung up");
      return decode_answer(tcp ? reply.substr(2) : reply);
    }();
  });
  return out;
}

World::World() { restart(); }

void World::restart() {
  manager_.reset();
  auto opened = Manager::open({.instance = instance(), .resolv_conf = folder_ / "resolv.conf", .pools = {}});
  if (!opened) std::fprintf(stderr, "%s\n", opened.error().message.c_str());
  FULCRUM_ASSERT(opened.has_value());
  manager_ = std::move(*opened);
}

void World::set_resolvers(const std::string& text) { ASSERT_OK(sys::write_file_atomic(folder_ / "resolv.conf", text)); }

Outside::Outside() {
  run_here({"ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1"});
  run_here({"ip", "link", "set", "up1", "netns", fmt::format("/proc/{}/fd/{}", ::getpid(), fd())});
  run_here({"ip", "addr", "add", "192.0.2.1/24", "dev", "up0"});
  run_here({"ip", "-6", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad"});
  run_here({"ip", "link", "set", "up0", "up"});
  space_.run({"ip", "link", "set", "lo", "up"});
  space_.run({"ip", "addr", "add", "192.0.2.2/24", "dev", "up1"});
  space_.run({"ip", "-6", "addr", "add", "2001:db8::2/64", "dev", "up1", "nodad"});
  space_.run({"ip", "link", "set", "up1", "up"});
}

Outside::~Outside() { run_here({"ip", "link", "del", "up0"}); }

AttachRequest joins(const std::string& workload, const std::string& network, std::vector<std::string> ports) {
  AttachRequest out{.workload = WorkloadId(workload), .network = network};
  out.names = {workload};
  for (const auto& port : ports) out.ports.push_back(PortSpec::parse(port).value());
  return out;
}

}  // namespace fulcrum::network::world

/// Every run has a network namespace of its own; without root there is nothing to test, and each case says so.
int main(int argc, char** argv) {
  ::testing::InitGoogleMock(&argc, argv);
  if (::geteuid() == 0) {
    if (::unshare(CLONE_NEWNET) != 0) {
      std::perror("unshare");
      return 1;
    }
    fulcrum::network::world::run_here({"ip", "link", "set", "lo", "up"});
  }
  return RUN_ALL_TESTS();
}
