#include "os/netlink.h"

#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <thread>

namespace fulcrum::netlink {
namespace {

constexpr std::size_t kReceiveBytes = 64 << 10;

std::size_t aligned(std::size_t length) { return (length + 3) & ~std::size_t{3}; }

/// Calls `each` for every well-formed message in a datagram.
template <class F>
void for_each_message(std::span<const std::uint8_t> bytes, F each) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return;
    each(header, bytes.subspan(sizeof header, header.nlmsg_len - sizeof header));
    bytes = bytes.subspan(std::min(bytes.size(), aligned(header.nlmsg_len)));
  }
}

Outcome read_outcome(const nlmsghdr& header, std::span<const std::uint8_t> payload) {
  nlmsgerr error{};
  if (payload.size() < sizeof error) return {EPROTO, "short acknowledgement"};
  std::memcpy(&error, payload.data(), sizeof error);
  Outcome out{-error.error, {}};
  if (error.error == 0 || (header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return out;
  std::size_t skip = sizeof error;
  // Without NLM_F_CAPPED the whole request is repeated before the attributes.
  if ((header.nlmsg_flags & NLM_F_CAPPED) == 0) skip += aligned(error.msg.nlmsg_len) - sizeof(nlmsghdr);
  if (skip < payload.size()) out.text = Attributes(payload.subspan(skip)).text(NLMSGERR_ATTR_MSG);
  return out;
}

}  // namespace

std::optional<std::span<const std::uint8_t>> Attributes::find(std::uint16_t type) const {
  std::optional<std::span<const std::uint8_t>> found;
  auto rest = bytes_;
  while (rest.size() >= sizeof(nlattr)) {
    nlattr attribute;
    std::memcpy(&attribute, rest.data(), sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > rest.size()) break;
    if ((attribute.nla_type & NLA_TYPE_MASK) == type) found = rest.subspan(sizeof attribute, attribute.nla_len - sizeof attribute);
    rest = rest.subspan(std::min(rest.size(), aligned(attribute.nla_len)));
  }
  return found;
}

std::optional<Attributes> Attributes::nested(std::uint16_t type) const {
  const auto bytes = find(type);
  if (!bytes) return std::nullopt;
  return Attributes(*bytes);
}

std::string Attributes::text(std::uint16_t type) const {
  const auto bytes = find(type);
  if (!bytes) return {};
  const std::string_view all(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  return std::string(all.substr(0, all.find('\0')));
}

void Batch::begin_raw(std::uint16_t type, std::uint16_t flags, std::span<const std::uint8_t> header, std::string what, bool acknowledged) {
  nlmsghdr message{};
  message.nlmsg_type = type;
  message.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags | (acknowledged ? NLM_F_ACK : 0));
  requests_.push_back({bytes_.size(), std::move(what), acknowledged});
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&message);
  bytes_.insert(bytes_.end(), raw, raw + sizeof message);
  put_raw(header);
}

void Batch::grow() {
  const auto length = static_cast<std::uint32_t>(bytes_.size() - requests_.back().offset);
  std::memcpy(bytes_.data() + requests_.back().offset + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

void Batch::put_raw(std::span<const std::uint8_t> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  bytes_.resize(aligned(bytes_.size()));
  grow();
}

void Batch::put(std::uint16_t attribute, std::span<const std::uint8_t> value) {
  FULCRUM_ASSERT(value.size() <= 0xffff - sizeof(nlattr));
  const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), attribute};
  const auto* raw = reinterpret_cast<const std::uint8_t*>(&header);
  bytes_.insert(bytes_.end(), raw, raw + sizeof header);
  put_raw(value);
}

void Batch::put_text(std::uint16_t attribute, std::string_view value) {
  const std::string terminated(value);
  put(attribute, {reinterpret_cast<const std::uint8_t*>(terminated.c_str()), terminated.size() + 1});
}

std::size_t Batch::open(std::uint16_t attribute, bool flagged) {
  const std::size_t position = bytes_.size();
  put(flagged ? static_cast<std::uint16_t>(attribute | NLA_F_NESTED) : attribute, {});
  return position;
}

void Batch::close(std::size_t position) {
  const std::size_t length = bytes_.size() - position;
  FULCRUM_ASSERT(length <= 0xffff);
  const auto stored = static_cast<std::uint16_t>(length);
  std::memcpy(bytes_.data() + position + offsetof(nlattr, nla_len), &stored, sizeof stored);
}

Result<Socket> Socket::open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd.valid()) return fail_errno(errno, "open a netlink socket");
  const int on = 1;
  // Short acknowledgements with the kernel's own words. Kernels without these options give long or wordless ones, which is fine.
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  (void)::setsockopt(fd.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  return Socket(std::move(fd));
}

Result<Socket> Socket::open_in(int netns_fd, int protocol) {
  std::optional<Result<Socket>> out;
  std::thread([&] {
    if (::setns(netns_fd, CLONE_NEWNET) < 0)
      out = fail_errno(errno, "enter the network namespace");
    else
      out = open(protocol);
  }).join();
  return std::move(*out);
}

Result<> Socket::send(Batch& batch) {
  for (std::size_t i = 0; i < batch.requests_.size(); ++i) {
    const std::uint32_t sequence = ++sequence_;
    std::memcpy(batch.bytes_.data() + batch.requests_[i].offset + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  ssize_t sent;
  do {
    sent = ::sendto(fd_.get(), batch.bytes_.data(), batch.bytes_.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail_errno(errno, "send to the kernel");
  return {};
}

Result<std::vector<Outcome>> Socket::exchange(Batch& batch, const std::function<void(const Reply&)>& on_reply) {
  if (batch.empty()) return std::vector<Outcome>();
  TRY(send(batch));
  const std::uint32_t first = sequence_ - static_cast<std::uint32_t>(batch.count()) + 1;
  std::vector<std::optional<Outcome>> seen(batch.count());
  std::vector<std::uint8_t> buffer(kReceiveBytes);
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) return fail_errno(errno, "receive from the kernel");
    for_each_message({buffer.data(), static_cast<std::size_t>(n)}, [&](const nlmsghdr& header, std::span<const std::uint8_t> payload) {
      const std::uint32_t index = header.nlmsg_seq - first;
      if (index >= seen.size()) return;  // an answer to something older
      if (header.nlmsg_type == NLMSG_ERROR) {
        if (!seen[index] || seen[index]->error == 0) seen[index] = read_outcome(header, payload);
      } else if (on_reply) {
        on_reply(Reply{header.nlmsg_type, payload});
      }
    });
  }
  std::vector<Outcome> out;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    // A failed nfnetlink transaction may leave requests after the failure unanswered: they did not happen either.
    if (!seen[i] && !batch.requests_[i].acknowledged) seen[i] = Outcome{};
    out.push_back(seen[i] ? std::move(*seen[i]) : Outcome{ECANCELED, "not reached"});
  }
  return out;
}

Result<> Socket::run(Batch& batch) {
  const auto outcomes = TRY(exchange(batch));
  const Outcome* first = nullptr;
  std::size_t index = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].error == 0) continue;
    if (first != nullptr && !(first->error == ECANCELED && outcomes[i].error != ECANCELED)) continue;
    first = &outcomes[i];
    index = i;
  }
  if (first != nullptr) return fail_outcome(*first, batch.requests_[index].what);
  return {};
}

Result<> Socket::query(Batch& batch, const std::function<void(const Reply&)>& on_reply) {
  const auto outcomes = TRY(exchange(batch, on_reply));
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].error != 0) return fail_outcome(outcomes[i], batch.requests_[i].what);
  }
  return {};
}

Result<> Socket::dump(std::uint16_t type, std::span<const std::uint8_t> header, const std::function<void(const Reply&)>& on_reply) {
  constexpr int kAttempts = 16;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    // Replies are held back until the dump is known to be consistent, so that a repeated one does not report things twice.
    std::vector<std::pair<std::uint16_t, std::vector<std::uint8_t>>> held;
    const bool consistent = TRY(dump_once(type, header, [&](const Reply& reply) {
      held.emplace_back(reply.type, std::vector<std::uint8_t>(reply.payload.begin(), reply.payload.end()));
    }));
    if (!consistent && attempt + 1 < kAttempts) continue;
    for (const auto& [kind, payload] : held) on_reply(Reply{kind, payload});
    return {};
  }
  return {};
}

Result<bool> Socket::dump_once(std::uint16_t type, std::span<const std::uint8_t> header,
                               const std::function<void(const Reply&)>& on_reply) {
  Batch batch;
  batch.begin_raw(type, NLM_F_DUMP, header, "list", false);
  TRY(send(batch));
  std::vector<std::uint8_t> buffer(kReceiveBytes);
  bool done = false, consistent = true;
  int error = 0;
  while (!done) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "receive from the kernel");
    for_each_message({buffer.data(), static_cast<std::size_t>(n)}, [&](const nlmsghdr& message, std::span<const std::uint8_t> payload) {
      if (message.nlmsg_seq != sequence_) return;
      if ((message.nlmsg_flags & NLM_F_DUMP_INTR) != 0) consistent = false;
      if (message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR) {
        std::int32_t code = 0;
        if (payload.size() >= sizeof code) std::memcpy(&code, payload.data(), sizeof code);
        error = -code;
        done = true;
      } else {
        on_reply(Reply{message.nlmsg_type, payload});
      }
    });
  }
  if (error == EINTR) return false;
  if (error != 0) return fail_errno(error, "list from the kernel");
  return consistent;
}

std::unexpected<Error> fail_outcome(const Outcome& outcome, std::string_view what) {
  auto failed = fail_errno(outcome.error, "{}", what);
  if (!outcome.text.empty()) failed.error().message += " (" + outcome.text + ")";
  return failed;
}

}  // namespace fulcrum::netlink
