#include "network/dns/message.h"

#include <algorithm>
#include <charconv>

namespace fulcrum::network::dns {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::uint16_t kClassInternet = 1;

std::uint16_t read16(Bytes message, std::size_t at) { return static_cast<std::uint16_t>(message[at] << 8 | message[at + 1]); }

void put16(std::vector<std::uint8_t>& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

std::unexpected<Error> bad(std::string_view what) { return fail(Code::invalid_argument, "DNS message: {}", what); }

void append_label(std::string& name, Bytes label) {
  for (const std::uint8_t byte : label) {
    const char c = static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (plain)
      name += c;
    else
      name += fmt::format("\\{:03d}", byte);
  }
}

/// Wire form of a dotted name of ours (no escapes).
void put_name(std::vector<std::uint8_t>& out, std::string_view name) {
  while (!name.empty()) {
    const auto dot = name.find('.');
    const auto label = name.substr(0, dot).substr(0, 63);
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  }
  out.push_back(0);
}

/// Walks the records behind the question and keeps the size of an OPT record.
Result<> find_edns(Bytes message, std::size_t offset, std::size_t records, Query& query) {
  for (std::size_t i = 0; i < records; ++i) {
    TRY(parse_name(message, offset));
    if (offset + 10 > message.size()) return bad("a record is cut off");
    if (read16(message, offset) == type::opt) query.edns_size = std::max<std::uint16_t>(read16(message, offset + 2), kMaxUdpPlain);
    offset += 10 + std::size_t{read16(message, offset + 8)};
    if (offset > message.size()) return bad("a record is cut off");
  }
  return {};
}

/// Type and data of a record.
void put_answer(std::vector<std::uint8_t>& out, const Answer& answer) {
  constexpr unsigned kPointerToQuestion = 0xc000 | kHeaderSize;
  put16(out, kPointerToQuestion);
  const auto* address = std::get_if<IpAddress>(&answer);
  put16(out, address == nullptr ? type::ptr : address->is_v4() ? type::a : type::aaaa);
  put16(out, kClassInternet);
  put32(out, kTtlSeconds);
  const std::size_t length_at = out.size();
  put16(out, 0);
  if (address != nullptr)
    out.insert(out.end(), address->bytes().begin(), address->bytes().end());
  else
    put_name(out, std::get<std::string>(answer));
  const std::size_t length = out.size() - length_at - 2;
  out[length_at] = static_cast<std::uint8_t>(length >> 8);
  out[length_at + 1] = static_cast<std::uint8_t>(length);
}

constexpr std::string_view kReverse4 = ".in-addr.arpa", kReverse6 = ".ip6.arpa";

std::optional<IpAddress> parse_reverse4(std::string_view labels) {
  std::string forward;
  while (!labels.empty()) {
    const auto dot = labels.rfind('.');
    forward += (forward.empty() ? "" : ".") + std::string(dot == std::string_view::npos ? labels : labels.substr(dot + 1));
    labels = dot == std::string_view::npos ? std::string_view() : labels.substr(0, dot);
  }
  const auto address = IpAddress::parse(forward);
  if (!address || !address->is_v4()) return std::nullopt;
  return *address;
}

std::optional<IpAddress> parse_reverse6(std::string_view labels) {
  constexpr std::size_t kNibbles = 32;
  if (labels.size() != 2 * kNibbles - 1) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < kNibbles; ++i) {
    const char* at = labels.data() + 2 * (kNibbles - 1 - i);
    std::uint8_t nibble = 0;
    if (std::from_chars(at, at + 1, nibble, 16).ec != std::errc() || (i > 0 && at[1] != '.')) return std::nullopt;
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] | (i % 2 == 0 ? nibble << 4 : nibble));
  }
  return IpAddress::v6(bytes);
}

}  // namespace

std::size_t Query::udp_limit() const { return edns_size ? std::min<std::size_t>(*edns_size, kMaxUdpEdns) : kMaxUdpPlain; }

Result<std::string> parse_name(Bytes message, std::size_t& offset) {
  std::string name;
  std::size_t at = offset, wire = 0;
  bool jumped = false;
  // Each pointer must go back before everything read so far, so the walk ends however the message is built.
  std::size_t floor = offset;
  for (;;) {
    if (at >= message.size()) return bad("a name is cut off");
    const std::uint8_t length = message[at];
    if ((length & 0xc0) == 0xc0) {
      if (at + 2 > message.size()) return bad("a name is cut off");
      const std::size_t target = read16(message, at) & 0x3fffU;
      if (target >= floor) return bad("a compression pointer does not go back");
      if (!jumped) offset = at + 2;
      jumped = true;
      floor = at = target;
      continue;
    }
    if ((length & 0xc0) != 0) return bad("unknown label type");
    wire += length + 1U;
    if (wire > kMaxNameBytes) return bad("a name is longer than 255 bytes");
    if (at + 1 + length > message.size()) return bad("a name is cut off");
    at += 1U + length;
    if (length == 0) break;
    if (!name.empty()) name += '.';
    append_label(name, message.subspan(at - length, length));
  }
  if (!jumped) offset = at;
  return name;
}

Result<Query> parse(Bytes message) {
  if (message.size() < kHeaderSize) return bad("shorter than a header");
  if (message.size() > kMaxMessage) return bad("too long");
  Query out;
  out.id = read16(message, 0);
  out.response = (message[2] & 0x80) != 0;
  out.opcode = message[2] >> 3 & 0x0f;
  out.truncated = (message[2] & 0x02) != 0;
  out.recursion_desired = (message[2] & 0x01) != 0;
  if (read16(message, 4) != 1) return bad("not exactly one question");
  std::size_t offset = kHeaderSize;
  out.question.name = TRY(parse_name(message, offset));
  // A question is repeated in answers, where a pointer would mean something else. There is nothing before it to point at anyway.
  for (std::size_t at = kHeaderSize; message[at] != 0; at += 1U + message[at]) {
    if (message[at] > 63) return bad("the question is compressed");
  }
  if (offset + 4 > message.size()) return bad("the question is cut off");
  out.question.type = read16(message, offset);
  out.question.klass = read16(message, offset + 2);
  offset += 4;
  out.raw_question.assign(message.begin() + kHeaderSize, message.begin() + static_cast<std::ptrdiff_t>(offset));
  const std::size_t records = std::size_t{read16(message, 6)} + read16(message, 8) + read16(message, 10);
  // The records of an answer are passed on unread; only askers' options matter.
  if (!out.response) TRY(find_edns(message, offset, records, out));
  return out;
}

std::vector<std::uint8_t> build_answer(const Query& query, Rcode rcode, std::span<const Answer> answers, std::size_t limit) {
  constexpr std::size_t kOptSize = 11;
  const std::size_t room = limit - std::min(limit, query.edns_size ? kOptSize : 0);
  std::vector<std::uint8_t> out;
  put16(out, query.id);
  // Answer, authoritative for names of ours; recursion is available.
  const bool own = rcode == Rcode::ok || rcode == Rcode::name_error;
  out.push_back(static_cast<std::uint8_t>(0x80 | query.opcode << 3 | (own ? 0x04 : 0) | (query.recursion_desired ? 0x01 : 0)));
  out.push_back(static_cast<std::uint8_t>(0x80 | static_cast<std::uint8_t>(rcode)));
  put16(out, 1);
  put16(out, 0);
  put16(out, 0);
  put16(out, query.edns_size ? 1 : 0);
  out.insert(out.end(), query.raw_question.begin(), query.raw_question.end());
  std::uint16_t count = 0;
  for (const Answer& answer : answers) {
    const std::size_t before = out.size();
    put_answer(out, answer);
    if (out.size() > room || count == 0xffff) {
      out.resize(before);
      out[2] |= 0x02;
      break;
    }
    ++count;
  }
  out[6] = static_cast<std::uint8_t>(count >> 8);
  out[7] = static_cast<std::uint8_t>(count);
  if (query.edns_size) {
    out.push_back(0);
    put16(out, type::opt);
    put16(out, kMaxUdpEdns);
    put32(out, 0);
    put16(out, 0);
  }
  return out;
}

std::optional<std::vector<std::uint8_t>> build_format_error(Bytes message) {
  if (message.size() < kHeaderSize || (message[2] & 0x80) != 0) return std::nullopt;
  std::vector<std::uint8_t> out(kHeaderSize);
  std::copy_n(message.begin(), 2, out.begin());
  out[2] = static_cast<std::uint8_t>(0x80 | (message[2] & 0x79));
  out[3] = static_cast<std::uint8_t>(Rcode::format_error);
  return out;
}

void set_id(std::span<std::uint8_t> message, std::uint16_t id) {
  FULCRUM_ASSERT(message.size() >= 2);
  message[0] = static_cast<std::uint8_t>(id >> 8);
  message[1] = static_cast<std::uint8_t>(id);
}

std::optional<IpAddress> address_of_reverse_name(std::string_view name) {
  if (name.ends_with(kReverse4)) return parse_reverse4(name.substr(0, name.size() - kReverse4.size()));
  if (name.ends_with(kReverse6)) return parse_reverse6(name.substr(0, name.size() - kReverse6.size()));
  return std::nullopt;
}

std::string reverse_name(const IpAddress& address) {
  std::string out;
  for (std::size_t i = address.bytes().size(); i-- > 0;) {
    const unsigned byte = address.bytes()[i];
    out += address.is_v4() ? fmt::format("{}.", byte) : fmt::format("{:x}.{:x}.", byte & 15, byte >> 4);
  }
  out.pop_back();
  return out + std::string(address.is_v4() ? kReverse4 : kReverse6);
}

std::string normal_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string out(name);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return out;
}

}  // namespace fulcrum::network::dns
