// Netlink spoken directly: build requests, send several in one system call, read what the kernel says.
//
// Own code rather than libmnl because the guest agent and the OCI runtime are static programs and configure links too, and the
// distribution has no static libmnl.
#pragma once

#include <linux/netlink.h>

#include <concepts>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"

namespace fulcrum::netlink {

/// The attributes of a message or of a nested attribute, read without copying. Malformed lengths end the list.
class Attributes {
 public:
  explicit Attributes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  /// The value of the last attribute of this type.
  std::optional<std::span<const std::uint8_t>> find(std::uint16_t type) const;
  std::optional<Attributes> nested(std::uint16_t type) const;
  /// Text up to the terminating zero; empty when absent.
  std::string text(std::uint16_t type) const;
  /// A number or plain struct in host byte order; nothing when absent or of another size (a larger kernel struct is cut).
  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> value(std::uint16_t type) const {
    const auto bytes = find(type);
    if (!bytes || bytes->size() < sizeof(T)) return std::nullopt;
    T out;
    std::memcpy(&out, bytes->data(), sizeof out);
    return out;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

/// One message from the kernel.
struct Reply {
  std::uint16_t type = 0;
  std::span<const std::uint8_t> payload;  ///< after nlmsghdr

  /// The fixed header at the start of the payload (ifinfomsg, …); zeros when the message is shorter.
  template <class Header>
  Header header() const {
    Header out{};
    if (payload.size() >= sizeof out) std::memcpy(&out, payload.data(), sizeof out);
    return out;
  }
  /// The attributes that follow a fixed header of this size.
  template <class Header>
  Attributes attributes() const {
    const std::size_t skip = NLMSG_ALIGN(sizeof(Header));
    return Attributes(payload.size() > skip ? payload.subspan(skip) : std::span<const std::uint8_t>());
  }
};

/// Several requests, sent together. Every request is acknowledged on its own, in order.
class Batch {
 public:
  /// Begins a request; NLM_F_REQUEST is added, and NLM_F_ACK unless it is a dump or `silent`.
  template <class Header>
  void begin(std::uint16_t type, std::uint16_t flags, const Header& header, std::string what) {
    begin_raw(type, flags, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, std::move(what), true);
  }
  /// A request without acknowledgement: batch markers of nfnetlink.
  template <class Header>
  void begin_silent(std::uint16_t type, std::uint16_t flags, const Header& header) {
    begin_raw(type, flags, {reinterpret_cast<const std::uint8_t*>(&header), sizeof header}, {}, false);
  }
  void put(std::uint16_t attribute, std::span<const std::uint8_t> value);
  void put_text(std::uint16_t attribute, std::string_view value);  ///< with terminating zero
  template <class T>
    requires std::is_trivially_copyable_v<T> && (!std::is_pointer_v<T>)
  void put_value(std::uint16_t attribute, const T& value) {
    put(attribute, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  /// A flag attribute.
  void put_empty(std::uint16_t attribute) { put(attribute, {}); }
  /// Appends bytes that are no attribute (a header inside a nested attribute), padded to four.
  void put_raw(std::span<const std::uint8_t> bytes);

  /// Opens a nested attribute; close() it with the returned position.
  [[nodiscard]] std::size_t open(std::uint16_t attribute, bool flagged = true);
  void close(std::size_t position);

  std::size_t count() const { return requests_.size(); }
  bool empty() const { return requests_.empty(); }
  /// Bytes so far; an attribute cannot exceed 65535.
  std::size_t size() const { return bytes_.size(); }

 private:
  friend class Socket;
  struct Request {
    std::size_t offset;
    std::string what;  ///< for the error text: "make bridge br0"
    bool acknowledged;
  };
  void begin_raw(std::uint16_t type, std::uint16_t flags, std::span<const std::uint8_t> header, std::string what, bool acknowledged);
  void grow();

  std::vector<std::uint8_t> bytes_;
  std::vector<Request> requests_;
};

/// What became of one request of a batch.
struct Outcome {
  int error = 0;     ///< errno, 0 for success
  std::string text;  ///< the kernel's own words (extended ack), may be empty
};

/// A netlink socket; it stays bound to the network namespace in which it was opened. One thread at a time.
///
/// The kernel handles requests inside sendmsg(), so when it returns all answers but those of dumps are in the receive buffer already:
/// nothing here waits, and no deadline is needed.
class Socket {
 public:
  /// NETLINK_ROUTE, NETLINK_NETFILTER, … in this thread's network namespace.
  [[nodiscard]] static Result<Socket> open(int protocol);
  /// In the network namespace behind a descriptor (/proc/PID/ns/net). setns() of a *network* namespace works per thread, unlike those of
  /// users and mounts, but would silently move whatever else the calling thread does; so a thread of its own enters the namespace,
  /// opens the socket and ends.
  [[nodiscard]] static Result<Socket> open_in(int netns_fd, int protocol);

  /// Sends a batch; the outcome of each acknowledged request, in order. The Result fails only when the exchange itself does.
  [[nodiscard]] Result<std::vector<Outcome>> exchange(Batch& batch, const std::function<void(const Reply&)>& on_reply = {});
  /// Sends a batch in which everything must succeed. Error: of the first request that failed, naming it.
  [[nodiscard]] Result<> run(Batch& batch);
  /// Sends one query; calls `on_reply` with each message of the answer. not_found when the kernel says ENODEV or ENOENT.
  [[nodiscard]] Result<> query(Batch& batch, const std::function<void(const Reply&)>& on_reply);
  /// Sends one dump request and calls `on_reply` with every message; starts again when the kernel says that the dump was inconsistent.
  [[nodiscard]] Result<> dump(std::uint16_t type, std::span<const std::uint8_t> header, const std::function<void(const Reply&)>& on_reply);

 private:
  explicit Socket(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<> send(Batch& batch);
  Result<bool> dump_once(std::uint16_t type, std::span<const std::uint8_t> header, const std::function<void(const Reply&)>& on_reply);

  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

/// The Error for an outcome: "make veth x: File exists (kernel's words)".
[[nodiscard]] std::unexpected<Error> fail_outcome(const Outcome& outcome, std::string_view what);

}  // namespace fulcrum::netlink
