#include "network/dns/message.h"

#include "base/testing.h"

namespace fulcrum::network::dns {
namespace {

using ::fulcrum::testing::ErrorIs;

using Packet = std::vector<std::uint8_t>;

Packet question(std::string_view labels, std::uint16_t type = type::a, bool edns = false) {
  Packet out{0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(edns ? 1 : 0)};
  out.insert(out.end(), labels.begin(), labels.end());
  out.insert(out.end(), {0, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type), 0, 1});
  if (edns) out.insert(out.end(), {0, 0, 41, 0x10, 0x00, 0, 0, 0, 0, 0, 0});
  return out;
}

TEST(DnsMessage, ReadsAQuestionInLowerCase) {
  const auto query = parse(question("\x03WeB\x07"
                                    "Example",
                                    type::aaaa, true))
                         .value();
  EXPECT_EQ(query.id, 0x1234);
  EXPECT_EQ(query.question, (Question{"web.example", type::aaaa, 1}));
  EXPECT_TRUE(query.recursion_desired);
  EXPECT_EQ(query.edns_size, 4096);
  EXPECT_EQ(query.udp_limit(), kMaxUdpEdns);
  EXPECT_EQ(parse(question("\x01"
                           "a"))
                .value()
                .udp_limit(),
            kMaxUdpPlain);
  EXPECT_EQ(parse(question("\x03"
                           "a.b"))
                .value()
                .question.name,
            "a\\046b");
}

TEST(DnsMessage, RefusesHostileNames) {
  const Packet good = question("\x03web");
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_THAT(parse(Bytes(good).first(n)), ErrorIs(Code::invalid_argument)) << n;
  EXPECT_THAT(parse(question("\xc0\x0c")), ErrorIs(Code::invalid_argument, "go back"));  // points at itself
  EXPECT_THAT(parse(question("\xc0\x20")), ErrorIs(Code::invalid_argument, "go back"));  // points forward
  EXPECT_THAT(parse(question("\x40"
                             "a")),
              ErrorIs(Code::invalid_argument, "label type"));
  std::string longest;
  for (int i = 0; i < 4; ++i) longest += "\x3f" + std::string(63, 'a');
  EXPECT_THAT(parse(question(longest)), ErrorIs(Code::invalid_argument, "255"));
  Packet into_header = question(std::string("\xc0\x00", 2));
  into_header[0] = 0;  // the ID reads as the empty name
  EXPECT_THAT(parse(into_header), ErrorIs(Code::invalid_argument, "compressed"));
  Packet two = good;
  two[5] = 2;
  EXPECT_THAT(parse(two), ErrorIs(Code::invalid_argument, "one question"));
  Packet missing = good;
  missing[11] = 1;  // says that a record follows
  EXPECT_THAT(parse(missing), ErrorIs(Code::invalid_argument, "cut off"));
}

TEST(DnsMessage, PointersEndEvenWhenTheyChain) {
  // name at 12: "a" + pointer to 12 goes back, but before everything read so far there is nothing left.
  Packet packet = question(
      "\x01"
      "a\xc0\x0c");
  std::size_t offset = 12;
  EXPECT_THAT(parse_name(packet, offset), ErrorIs(Code::invalid_argument));
  Packet chain(12);
  chain.insert(chain.end(), {1, 'b', 0, 1, 'a', 0xc0, 12, 0xc0, 15});
  offset = 19;
  EXPECT_EQ(parse_name(chain, offset).value(), "a.b");
  EXPECT_EQ(offset, 21U);
}

TEST(DnsMessage, AnswersRepeatTheQuestionAndFit) {
  const auto query = parse(question("\x03WeB", type::a, true)).value();
  const std::vector<Answer> answers{IpAddress::parse("10.0.0.2").value(), IpAddress::parse("10.0.0.3").value()};
  const auto message = build_answer(query, Rcode::ok, answers, 512);
  const Packet expected{0x12, 0x34, 0x85, 0x80, 0, 1,  0, 2, 0, 0, 0, 1,  3,    'W',  'e', 'B',  0,    0, 1, 0, 1, 0xc0,
                        0x0c, 0,    1,    0,    1, 0,  0, 0, 5, 0, 4, 10, 0,    0,    2,   0xc0, 0x0c, 0, 1, 0, 1, 0,
                        0,    0,    5,    0,    4, 10, 0, 0, 3, 0, 0, 41, 0x04, 0xd0, 0,   0,    0,    0, 0, 0};
  EXPECT_EQ(message, expected);
}

TEST(DnsMessage, WhatDoesNotFitIsCutAndSaid) {
  const auto query = parse(question("\x03web")).value();
  const std::vector<Answer> many(100, IpAddress::parse("10.0.0.2").value());
  const auto message = build_answer(query, Rcode::ok, many, kMaxUdpPlain);
  EXPECT_LE(message.size(), kMaxUdpPlain);
  EXPECT_TRUE(parse(message).value().truncated);
  EXPECT_FALSE(parse(build_answer(query, Rcode::ok, many, kMaxMessage)).value().truncated);
}

TEST(DnsMessage, ReverseNamesGoBothWays) {
  for (const char* text : {"10.1.2.3", "fd00::12:abcd"}) {
    const auto address = IpAddress::parse(text).value();
    EXPECT_EQ(address_of_reverse_name(reverse_name(address)), address) << reverse_name(address);
  }
  EXPECT_EQ(reverse_name(IpAddress::parse("10.1.2.3").value()), "3.2.1.10.in-addr.arpa");
  for (const char* bad : {"in-addr.arpa", "1.10.in-addr.arpa", "x.2.1.10.in-addr.arpa", "300.2.1.10.in-addr.arpa", "1.ip6.arpa", "web"})
    EXPECT_FALSE(address_of_reverse_name(bad)) << bad;
}

TEST(DnsMessage, FormatErrorsNeedAHeaderAndNeverAnswerAnswers) {
  EXPECT_FALSE(build_format_error(Packet(11)));
  Packet answer(12);
  answer[2] = 0x80;
  EXPECT_FALSE(build_format_error(answer));
  EXPECT_EQ(build_format_error(Packet(12)).value()[3], 1);
}

}  // namespace
}  // namespace fulcrum::network::dns
