// Network namespaces and small servers and clients in them, for tests that need root. The test program itself lives in a fresh
// namespace (network_world.cc has main), so tests run in parallel and touch nothing of the machine.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/error.h"
#include "base/testing.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "network/network.h"

namespace fulcrum::network::world {

/// Runs a function on a thread of its own inside a network namespace.
void inside(int netns_fd, const std::function<void()>& function);

/// A network namespace that lives as long as the object (and sockets in it).
class Namespace {
 public:
  Namespace();
  int fd() const { return fd_.get(); }
  /// Runs a program in it and returns what it printed; a failure fails the test.
  std::string run(const std::vector<std::string>& argv) const;

 private:
  UniqueFd fd_;
};

/// Runs a program in this process's namespace.
std::string run_here(const std::vector<std::string>& argv);

/// A server in a namespace that answers everyone with `text` and the address it sees: "text 10.0.0.2".
class Server {
 public:
  Server(int netns_fd, const std::string& address, std::uint16_t port, Protocol protocol, std::string text);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  void serve();
  UniqueFd socket_;
  StopSource stop_;
  Protocol protocol_;
  std::string text_;
  std::jthread thread_;
};

inline constexpr int kHere = -1;  ///< this process's namespace

/// What a server says to us; an error when it cannot be reached. `patience` is short where the answer is expected to be silence.
Result<std::string> fetch(int netns_fd, const std::string& address, std::uint16_t port, Protocol protocol = Protocol::tcp,
                          std::chrono::milliseconds patience = std::chrono::seconds(5));
/// Whether nothing answers.
bool silent(int netns_fd, const std::string& address, std::uint16_t port, Protocol protocol = Protocol::tcp);

/// An answer of a name server: its code and its records as text.
struct DnsAnswer {
  int rcode = -1;
  bool truncated = false;
  std::vector<std::string> records;
};
Result<DnsAnswer> ask(int netns_fd, const std::string& server, const std::string& name, std::uint16_t type,
                      Protocol protocol = Protocol::udp);

/// A manager with its own instance and a resolv.conf in a folder of its own.
class World {
 public:
  World();
  Manager& manager() { return *manager_; }
  /// As after a crash: the object is gone, a new one comes, nothing reconciled yet.
  void restart();
  void set_resolvers(const std::string& text);
  std::string instance() const { return "t1"; }

 private:
  ::fulcrum::testing::TemporaryDirectory folder_;
  std::unique_ptr<Manager> manager_;
};

/// A namespace on the far side of a router port: 192.0.2.1 (and 2001:db8::1) here, 192.0.2.2 (2001:db8::2) there.
class Outside {
 public:
  Outside();
  ~Outside();
  int fd() const { return space_.fd(); }
  const Namespace& space() const { return space_; }

 private:
  Namespace space_;
};

AttachRequest joins(const std::string& workload, const std::string& network, std::vector<std::string> ports = {});

}  // namespace fulcrum::network::world
