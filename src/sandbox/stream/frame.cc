#include "sandbox/stream/frame.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

namespace fulcrum::sandbox {

std::array<char, kFrameHeader> frame_header(FrameType type, std::size_t length) {
  const auto byte = [&](unsigned shift) { return static_cast<char>((length >> shift) & 0xff); };
  return {static_cast<char>(type), 0, 0, 0, byte(24), byte(16), byte(8), byte(0)};
}

std::optional<FrameHeader> parse_frame_header(std::string_view bytes) {
  if (bytes.size() < kFrameHeader) return std::nullopt;
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  if (at(0) > static_cast<std::uint32_t>(FrameType::error) || at(1) != 0 || at(2) != 0 || at(3) != 0) return std::nullopt;
  const std::uint32_t length = at(4) << 24 | at(5) << 16 | at(6) << 8 | at(7);
  if (length > kMaxFrame) return std::nullopt;
  return FrameHeader{static_cast<FrameType>(at(0)), length};
}

std::string make_frame(FrameType type, std::string_view payload) {
  const auto header = frame_header(type, payload.size());
  std::string out(header.data(), header.size());
  out += payload;
  return out;
}

std::string exit_payload(int code, int signal, bool oom_killed) {
  return fmt::format(R"({{"exitCode":{},"signal":{},"oomKilled":{}}})", code, signal, oom_killed);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20 || u == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(u));
    } else {
      out += c;
    }
  }
  return out + '"';
}

FrameReader::Item FrameReader::small_item() {
  in_payload_ = false;
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(small_[i]); };
  Item item;
  if (frame_.type == FrameType::signal) {
    item.kind = Item::Kind::signal;
    item.signal = at(0);
  } else {
    item.kind = Item::Kind::resize;
    item.size = {static_cast<std::uint16_t>(at(0) << 8 | at(1)), static_cast<std::uint16_t>(at(2) << 8 | at(3))};
  }
  return item;
}

FrameReader::Item FrameReader::next(std::string_view& text) {
  if (!in_payload_) {
    const auto take = std::min(text.size(), kFrameHeader - have_);
    std::memcpy(header_.data() + have_, text.data(), take);
    have_ += take;
    text.remove_prefix(take);
    if (have_ < kFrameHeader) return {};
    have_ = 0;
    const auto frame = parse_frame_header({header_.data(), header_.size()});
    const bool known = frame && (frame->type == FrameType::input || (frame->type == FrameType::resize && frame->length == 4) ||
                                 (frame->type == FrameType::signal && frame->length == 1));
    if (!known) return {.kind = Item::Kind::broken};
    if (frame->length == 0) return {.kind = Item::Kind::end_of_input};
    frame_ = *frame;
    left_ = frame->length;
    small_have_ = 0;
    in_payload_ = true;
  }
  const auto take = std::min<std::size_t>(text.size(), left_);
  const auto bytes = text.substr(0, take);
  text.remove_prefix(take);
  left_ -= static_cast<std::uint32_t>(take);
  if (frame_.type == FrameType::input) {
    if (left_ == 0) in_payload_ = false;
    if (take == 0) return {};
    return {.kind = Item::Kind::input, .bytes = bytes};
  }
  std::memcpy(small_.data() + small_have_, bytes.data(), take);
  small_have_ += take;
  if (left_ > 0) return {};
  return small_item();
}

}  // namespace fulcrum::sandbox
