// The frames of docs/streams.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fulcrum::sandbox {

/// Byte 0 of a frame's header.
enum class FrameType : std::uint8_t { input = 0, output = 1, error_output = 2, resize = 3, exit = 4, signal = 5, error = 6 };

inline constexpr std::size_t kFrameHeader = 8;
inline constexpr std::size_t kMaxFrame = 1 << 20;  ///< longest payload

struct FrameHeader {
  FrameType type = FrameType::input;
  std::uint32_t length = 0;
};

/// The eight bytes before a payload.
std::array<char, kFrameHeader> frame_header(FrameType type, std::size_t length);
/// Nothing when the bytes are no header: unknown type, padding not zero, or longer than kMaxFrame.
std::optional<FrameHeader> parse_frame_header(std::string_view bytes);
/// A whole frame.
std::string make_frame(FrameType type, std::string_view payload);
/// The payload of an exit frame.
std::string exit_payload(int code, int signal, bool oom_killed);
/// `text` as a JSON string with its quotes; bytes that are no UTF-8 start or control characters are escaped.
std::string json_string(std::string_view text);

/// Two numbers of a resize frame.
struct WindowSize {
  std::uint16_t height = 0;
  std::uint16_t width = 0;
};

/// Takes the client's side of a connection apart, however the bytes arrive. Payloads of stdin are handed on piecewise, so that nothing
/// is buffered but the few bytes of a header or of a resize.
class FrameReader {
 public:
  /// What was found; `bytes` points into the text given to next().
  struct Item {
    enum class Kind { need_more, input, end_of_input, resize, signal, broken } kind = Kind::need_more;
    std::string_view bytes;
    WindowSize size;
    int signal = 0;
  };
  /// Takes one item off the front of `text`. need_more: all of it was consumed. broken: the client does not speak frames.
  Item next(std::string_view& text);

 private:
  Item small_item();
  std::array<char, kFrameHeader> header_{};
  std::size_t have_ = 0;  // bytes of the header
  bool in_payload_ = false;
  FrameHeader frame_;
  std::uint32_t left_ = 0;       // bytes of the payload to come
  std::array<char, 8> small_{};  // payload of a resize or signal
  std::size_t small_have_ = 0;
};

}  // namespace fulcrum::sandbox
