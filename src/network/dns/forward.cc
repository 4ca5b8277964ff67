// Answering from the directory, and passing other questions on to the host's resolvers.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/sys.h"
#include "network/dns/loop.h"

namespace fulcrum::network::dns {
namespace {

constexpr std::size_t kMaxExchanges = 1024;
constexpr auto kAttemptTime = std::chrono::seconds(2);
constexpr std::size_t kRounds = 2;  // each resolver is asked this often
constexpr std::uint16_t kDnsPort = 53, kClassInternet = 1, kClassAny = 255;

/// An unguessable ID, so that a stranger cannot answer for the resolver.
std::uint16_t random_id() {
  const std::string hex = sys::random_hex(2);
  std::uint16_t out = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), out, 16);
  return out;
}

}  // namespace

void Loop::handle(Bytes packet, const Asker& asker, std::string_view network, bool forward_others) {
  const auto parsed = parse(packet);
  if (!parsed) {
    const auto answer = build_format_error(packet);
    return respond(asker, answer ? Bytes(*answer) : Bytes());
  }
  if (parsed->response) return respond(asker, {});
  const std::size_t limit = asker.tcp ? kMaxMessage : parsed->udp_limit();
  const auto reply = [&](Rcode rcode, std::span<const Answer> answers) { respond(asker, build_answer(*parsed, rcode, answers, limit)); };
  if (parsed->opcode != 0) return reply(Rcode::not_implemented, {});
  const bool internet = parsed->question.klass == kClassInternet || parsed->question.klass == kClassAny;
  const Lookup lookup = internet ? directory_.look_up(network, asker.peer.address(), parsed->question) : Lookup{};
  switch (lookup.kind) {
    case Lookup::Kind::found: return reply(Rcode::ok, lookup.answers);
    case Lookup::Kind::no_name: return reply(Rcode::name_error, {});
    case Lookup::Kind::elsewhere: break;
  }
  if (!forward_others || !parsed->recursion_desired) return reply(Rcode::refused, {});
  forward(packet, asker, *parsed);
}

void Loop::forward(Bytes packet, const Asker& asker, Query query) {
  auto resolvers = upstream_.resolvers(std::chrono::steady_clock::now());
  // A host that asks us must not be asked by us.
  std::erase_if(resolvers, [&](const IpAddress& r) {
    return std::ranges::any_of(listeners_, [&](const auto& l) { return l.second.gateway.address == r; });
  });
  if (resolvers.empty() || exchanges_.size() >= kMaxExchanges) {
    const std::size_t limit = asker.tcp ? kMaxMessage : query.udp_limit();
    return respond(asker, build_answer(query, Rcode::server_failure, {}, limit));
  }
  const std::uint64_t number = ++last_number_;
  Exchange exchange{.asker = asker, .query = std::move(query), .packet = {packet.begin(), packet.end()}, .resolvers = resolvers};
  Exchange& kept = exchanges_.emplace(number, std::move(exchange)).first->second;
  if (!begin_attempt(number, kept) && !next_attempt(number, kept)) give_up(number);
}

bool Loop::begin_attempt(std::uint64_t number, Exchange& exchange) {
  const bool tcp = exchange.asker.tcp;
  const SocketAddress resolver = SocketAddress::of(exchange.resolvers[exchange.attempt % exchange.resolvers.size()], kDnsPort);
  // A socket of its own for every question: the kernel gives it a random port, and only the resolver can write to it.
  UniqueFd fd(::socket(resolver.get()->sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return false;
  if (::connect(fd.get(), resolver.get(), resolver.length) < 0 && !(tcp && errno == EINPROGRESS)) return false;
  exchange.id = random_id();
  set_id(exchange.packet, exchange.id);
  exchange.in.clear();
  exchange.out.clear();
  if (tcp) {
    exchange.out = {static_cast<std::uint8_t>(exchange.packet.size() >> 8), static_cast<std::uint8_t>(exchange.packet.size())};
    exchange.out.insert(exchange.out.end(), exchange.packet.begin(), exchange.packet.end());
  } else if (::send(fd.get(), exchange.packet.data(), exchange.packet.size(), MSG_NOSIGNAL) < 0) {
    return false;
  }
  exchange.deadline = std::chrono::steady_clock::now() + kAttemptTime;
  remind(exchange.deadline);
  exchange.fd = std::move(fd);
  watch(exchange.fd.get(), tcp ? EPOLLOUT : EPOLLIN, number, true);
  return true;
}

bool Loop::next_attempt(std::uint64_t number, Exchange& exchange) {
  while (++exchange.attempt < kRounds * exchange.resolvers.size()) {
    if (begin_attempt(number, exchange)) return true;
  }
  return false;
}

void Loop::on_exchange(std::uint64_t number, std::uint32_t events) {
  Exchange& exchange = exchanges_.find(number)->second;
  const auto retry = [&] {
    if (!next_attempt(number, exchange)) give_up(number);
  };
  if ((events & EPOLLERR) != 0) return retry();
  if ((events & EPOLLOUT) != 0 && !exchange.out.empty()) {
    const ssize_t n = ::send(exchange.fd.get(), exchange.out.data(), exchange.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? void() : retry();
    exchange.out.erase(exchange.out.begin(), exchange.out.begin() + n);
    if (exchange.out.empty()) watch(exchange.fd.get(), EPOLLIN, number, false);
    return;
  }
  std::array<std::uint8_t, 65536> buffer;
  const ssize_t n = ::recv(exchange.fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? void() : retry();
  Bytes answer(buffer.data(), static_cast<std::size_t>(n));
  if (exchange.asker.tcp) {
    if (n == 0) return retry();
    exchange.in.insert(exchange.in.end(), answer.begin(), answer.end());
    if (exchange.in.size() < 2) return;
    const std::size_t length = static_cast<std::size_t>(exchange.in[0]) << 8 | exchange.in[1];
    if (exchange.in.size() - 2 < length) return;
    answer = Bytes(exchange.in).subspan(2, length);
  }
  const auto parsed = parse(answer);
  const bool matches = parsed && parsed->response && parsed->id == exchange.id && parsed->question == exchange.query.question;
  if (matches) return finish(number, answer);
  // A resolver that cannot read the question answers without it; another may do better. Anything else is not for us.
  const bool error_without_question =
      answer.size() >= kHeaderSize && (answer[2] & 0x80) != 0 && (answer[0] << 8 | answer[1]) == exchange.id;
  if (exchange.asker.tcp || error_without_question) retry();
}

void Loop::finish(std::uint64_t number, Bytes answer) {
  auto node = exchanges_.extract(number);
  const Exchange& exchange = node.mapped();
  std::vector<std::uint8_t> message(answer.begin(), answer.end());
  set_id(message, exchange.query.id);
  respond(exchange.asker, message);
}

void Loop::give_up(std::uint64_t number) {
  auto node = exchanges_.extract(number);
  const Exchange& exchange = node.mapped();
  const std::size_t limit = exchange.asker.tcp ? kMaxMessage : exchange.query.udp_limit();
  respond(exchange.asker, build_answer(exchange.query, Rcode::server_failure, {}, limit));
}

}  // namespace fulcrum::network::dns
