// DNS messages (RFC 1035, 6891): reading questions that strangers wrote, writing answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "network/address.h"

namespace fulcrum::network::dns {

using Bytes = std::span<const std::uint8_t>;

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxUdpPlain = 512;  ///< without EDNS (RFC 1035 4.2.1)
inline constexpr std::size_t kMaxUdpEdns = 1232;  ///< what we offer: never fragmented (DNS flag day 2020)
inline constexpr std::size_t kMaxMessage = 65535;

enum class Rcode : std::uint8_t { ok = 0, format_error = 1, server_failure = 2, name_error = 3, not_implemented = 4, refused = 5 };

namespace type {
inline constexpr std::uint16_t a = 1, ptr = 12, aaaa = 28, opt = 41, any = 255;
}

/// A question: the name in lower case, dotted, without the final dot; bytes other than letters, digits, '-' and '_' as \DDD.
struct Question {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;

  friend bool operator==(const Question&, const Question&) = default;
};

/// A message up to the end of its question, which is all that anybody here needs of it.
struct Query {
  std::uint16_t id = 0;
  bool response = false;   ///< QR
  bool truncated = false;  ///< TC
  bool recursion_desired = false;
  std::uint8_t opcode = 0;
  Question question;
  std::vector<std::uint8_t> raw_question;  ///< as sent, to be repeated with its upper and lower case
  std::optional<std::uint16_t> edns_size;  ///< set when there is an OPT record; at least 512

  /// The largest UDP answer that the asker takes.
  std::size_t udp_limit() const;
};

/// Reads a message with exactly one question; records that follow are walked for the OPT record.
/// Error: invalid_argument: short, a name over 255 bytes, a pointer in the question or one that does not go back, other than one question.
[[nodiscard]] Result<Query> parse(Bytes message);

/// Reads a name at `offset`, following compression pointers, and moves `offset` behind it.
[[nodiscard]] Result<std::string> parse_name(Bytes message, std::size_t& offset);

/// An answer record for the question's own name: an address (A, AAAA) or a name (PTR).
using Answer = std::variant<IpAddress, std::string>;

/// Builds the answer to a query. Answers that do not fit in `limit` bytes are left out and TC is set.
std::vector<std::uint8_t> build_answer(const Query& query, Rcode rcode, std::span<const Answer> answers, std::size_t limit);
/// The answer to something that parse() refused: its ID with FORMERR; nothing when not even a header is there, or when it is an answer
/// itself.
std::optional<std::vector<std::uint8_t>> build_format_error(Bytes message);

/// Overwrites the ID of a message in place.
void set_id(std::span<std::uint8_t> message, std::uint16_t id);

/// The address in "4.3.2.1.in-addr.arpa" or "….ip6.arpa"; nothing for another name.
std::optional<IpAddress> address_of_reverse_name(std::string_view name);
/// The name under which an address is looked up.
std::string reverse_name(const IpAddress& address);

/// Lower case, without a final dot.
std::string normal_name(std::string_view name);

/// TTL of everything we answer: members come and go.
inline constexpr std::uint32_t kTtlSeconds = 5;

}  // namespace fulcrum::network::dns
