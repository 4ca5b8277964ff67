// The name server for real: questions from members, and a scripted resolver of the host behind it.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <thread>

#include "network/dns/loop.h"
#include "network/dns/message.h"
#include "network_world.h"

namespace fulcrum::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using world::ask;
using world::joins;
using world::kHere;
namespace type = dns::type;

/// A resolver on 127.0.0.53 that knows one address; over UDP it says "too long" for names that begin with "long".
class Resolver {
 public:
  Resolver() {
    const auto at = SocketAddress::of(IpAddress::parse("127.0.0.53").value(), 53);
    const int on = 1;
    for (UniqueFd* fd : {&udp_, &tcp_}) {
      *fd = UniqueFd(::socket(AF_INET, (fd == &tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
      (void)::setsockopt(fd->get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      FULCRUM_ASSERT(::bind(fd->get(), at.get(), at.length) == 0);
    }
    FULCRUM_ASSERT(::listen(tcp_.get(), 8) == 0);
    thread_ = std::jthread([this] { serve(); });
  }
  ~Resolver() { stop_.request_stop(); }

 private:
  static std::vector<std::uint8_t> answer(dns::Bytes question, bool tcp) {
    const auto query = dns::parse(question).value();
    if (query.question.name.starts_with("nobody")) return dns::build_answer(query, dns::Rcode::name_error, {}, 512);
    const std::vector<dns::Answer> answers{IpAddress::parse("203.0.113.7").value()};
    auto out = dns::build_answer(query, dns::Rcode::ok, answers, 512);
    if (!tcp && query.question.name.starts_with("long")) out[2] |= 0x02;
    return out;
  }
  void serve() const {
    for (;;) {
      const auto ready = wait_any(stop_, Deadline::never(), {{udp_.get(), POLLIN}, {tcp_.get(), POLLIN}});
      if (!ready) return;
      std::uint8_t buffer[4096];
      if (*ready == 0) {
        SocketAddress peer;
        const ssize_t n = ::recvfrom(udp_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length);
        const auto out = answer({buffer, static_cast<std::size_t>(n)}, false);
        (void)::sendto(udp_.get(), out.data(), out.size(), 0, peer.get(), peer.length);
      } else {
        const UniqueFd client(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const ssize_t n = ::recv(client.get(), buffer, sizeof buffer, 0);
        if (n < 3) continue;
        auto out = answer({buffer + 2, static_cast<std::size_t>(n - 2)}, true);
        out.insert(out.begin(), {static_cast<std::uint8_t>(out.size() >> 8), static_cast<std::uint8_t>(out.size())});
        // In two pieces: a stream keeps no boundaries.
        (void)::send(client.get(), out.data(), 5, MSG_NOSIGNAL);
        (void)::send(client.get(), out.data() + 5, out.size() - 5, MSG_NOSIGNAL);
      }
    }
  }
  UniqueFd udp_, tcp_;
  StopSource stop_;
  std::jthread thread_;
};

class NetworkDnsRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root (network namespaces)";
    world_.emplace();
    network_ = world_->manager().create_network({.name = "front"}).value();
    server_ = network_.subnets.front().gateway->str();
  }
  void TearDown() override {
    if (!world_) return;
    EXPECT_OK(world_->manager().purge());
  }
  Endpoint attach(const AttachRequest& request, const world::Namespace& space) {
    return world_->manager().attach(request, space.fd()).value();
  }

  std::optional<world::World> world_;
  Network network_;
  std::string server_;
};

TEST_F(NetworkDnsRoot, MembersFindEachOtherByNameAliasAndAddress) {
  world::Namespace a, b;
  auto request = joins("a", "front");
  request.names.push_back("Db.Main");
  const auto endpoint = attach(request, a);
  attach(joins("b", "front"), b);
  const auto address = endpoint.addresses.front().address;
  for (const char* name : {"a", "A", "db.main", "a.front"}) {
    for (const auto protocol : {Protocol::udp, Protocol::tcp})
      EXPECT_THAT(ask(b.fd(), server_, name, type::a, protocol).value().records, ElementsAre(address.str())) << name;
  }
  EXPECT_THAT(ask(b.fd(), server_, dns::reverse_name(address), type::ptr).value().records, ElementsAre("a"));
  EXPECT_EQ(ask(b.fd(), server_, dns::reverse_name(address.plus(50)), type::ptr).value().rcode, 3);
  const auto six = ask(b.fd(), server_, "a", type::aaaa).value();
  EXPECT_EQ(six.rcode, 0);
  EXPECT_THAT(six.records, IsEmpty());
  EXPECT_THAT(ask(kHere, server_, "a", type::a).value().records, ElementsAre(address.str()));
  ASSERT_OK(world_->manager().set_names(WorkloadId("a"), "front", {"new"}, {}));
  EXPECT_THAT(ask(b.fd(), server_, "new", type::a).value().records, ElementsAre(address.str()));
  EXPECT_EQ(ask(b.fd(), server_, "a", type::a).value().rcode, 2) << "no resolver to ask";
}

TEST_F(NetworkDnsRoot, ServicesAnswerWithReadyMembersInTurn) {
  world::Namespace a, b;
  auto request = joins("a", "front");
  request.services = {"web"};
  const auto one = attach(request, a).addresses.front().address.str();
  request.workload = WorkloadId("b");
  request.names = {"b"};
  const auto two = attach(request, b).addresses.front().address.str();
  const auto first = ask(a.fd(), server_, "web", type::a).value().records;
  const auto second = ask(a.fd(), server_, "web", type::a).value().records;
  EXPECT_THAT(first, UnorderedElementsAre(one, two));
  EXPECT_NE(first, second);
  world_->manager().set_ready(WorkloadId("a"), false);
  EXPECT_THAT(ask(a.fd(), server_, "web", type::a).value().records, ElementsAre(two));
}

TEST_F(NetworkDnsRoot, NamesAreScopedToTheirNetwork) {
  const auto back = world_->manager().create_network({.name = "back"}).value();
  world::Namespace a, b;
  attach(joins("a", "front"), a);
  attach(joins("b", "back"), b);
  EXPECT_EQ(ask(b.fd(), back.subnets.front().gateway->str(), "a", type::a).value().rcode, 2);
  const auto strange = world::fetch(b.fd(), server_, 53, Protocol::udp, std::chrono::milliseconds(300));
  EXPECT_THAT(strange, ::fulcrum::testing::ErrorIs(Code::deadline_exceeded));
}

TEST_F(NetworkDnsRoot, OtherNamesGoToTheHostsResolver) {
  world::Namespace a;
  attach(joins("a", "front"), a);
  EXPECT_EQ(ask(a.fd(), server_, "example.org", type::a).value().rcode, 2) << "fails at once without a resolver";
  Resolver resolver;
  world_->set_resolvers("nameserver 127.0.0.53\n");
  // The file is looked at again within a second.
  const auto deadline = Deadline::in(std::chrono::seconds(10));
  while (ask(a.fd(), server_, "example.org", type::a).value().rcode != 0 && !deadline.passed()) {
  }
  for (const auto protocol : {Protocol::udp, Protocol::tcp})
    EXPECT_THAT(ask(a.fd(), server_, "Example.ORG", type::a, protocol).value().records, ElementsAre("203.0.113.7"));
  EXPECT_EQ(ask(a.fd(), server_, "nobody.example", type::a).value().rcode, 3);
  EXPECT_TRUE(ask(a.fd(), server_, "long.example", type::a).value().truncated);
  EXPECT_FALSE(ask(a.fd(), server_, "long.example", type::a, Protocol::tcp).value().truncated);
}

TEST_F(NetworkDnsRoot, ADeadResolverFailsOverToTheNext) {
  world::Namespace a;
  attach(joins("a", "front"), a);
  Resolver resolver;
  world_->set_resolvers("nameserver 127.0.0.99\nnameserver 127.0.0.53\n");
  world_->restart();
  ASSERT_OK(world_->manager().reconcile(std::vector{network_}, {}));
  world::Namespace b;
  attach(joins("b", "front"), b);
  for (const auto protocol : {Protocol::udp, Protocol::tcp})
    EXPECT_THAT(ask(b.fd(), server_, "example.org", type::a, protocol).value().records, ElementsAre("203.0.113.7"));
}

TEST_F(NetworkDnsRoot, APublishedPort53DoesNotTakeTheNameServersPlace) {
  world::Namespace a, b;
  const auto address = attach(joins("a", "front", {"53:53/udp", "53:53/tcp"}), a).addresses.front().address.str();
  attach(joins("b", "front"), b);
  world::Server server(a.fd(), "0.0.0.0", 53, Protocol::udp, "a");
  EXPECT_THAT(ask(b.fd(), server_, "a", type::a).value().records, ElementsAre(address));
  EXPECT_THAT(world::fetch(kHere, "127.0.0.1", 53, Protocol::udp), ::fulcrum::testing::IsOkAndHolds(::testing::StartsWith("a ")));
}

}  // namespace
}  // namespace fulcrum::network
