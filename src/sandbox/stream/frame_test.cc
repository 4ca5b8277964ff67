#include "sandbox/stream/frame.h"

#include "base/testing.h"

namespace fulcrum::sandbox {
namespace {

using Kind = FrameReader::Item::Kind;

// Feeds text in pieces of `step` bytes and writes down what came out.
std::string read_in_steps(const std::string& text, std::size_t step) {
  FrameReader reader;
  std::string seen;
  for (std::size_t at = 0; at < text.size(); at += step) {
    std::string_view piece = std::string_view(text).substr(at, step);
    while (!piece.empty()) {
      const auto item = reader.next(piece);
      switch (item.kind) {
        case Kind::need_more: break;
        case Kind::input: seen += item.bytes; break;
        case Kind::end_of_input: seen += "<end>"; break;
        case Kind::resize: seen += fmt::format("<{}x{}>", item.size.height, item.size.width); break;
        case Kind::signal: seen += fmt::format("<signal {}>", item.signal); break;
        case Kind::broken: return seen + "<broken>";
      }
    }
  }
  return seen;
}

TEST(FrameReader, ReadsTheSameHoweverItArrives) {
  const auto text = make_frame(FrameType::input, "hello") + make_frame(FrameType::resize, std::string("\0\x28\1\0", 4)) +
                    make_frame(FrameType::signal, "\x0f") + make_frame(FrameType::input, " world") + make_frame(FrameType::input, "");
  for (const std::size_t step : {1, 2, 3, 7, 8, 9, 1000})
    EXPECT_EQ(read_in_steps(text, step), "hello<40x256><signal 15> world<end>") << step;
}

TEST(FrameReader, RefusesWhatAClientMayNotSend) {
  for (const auto& text : {make_frame(FrameType::output, "x"), make_frame(FrameType::resize, "xxx"), make_frame(FrameType::signal, ""),
                           std::string("GET / HTTP/1.1"), std::string("\0\0\0\0\xff\xff\xff\xff", 8)}) {
    EXPECT_EQ(read_in_steps(text, 3), "<broken>");
  }
}

TEST(JsonString, EscapesWhatItMust) { EXPECT_EQ(json_string("a\"b\\c\n\x01"), R"("a\"b\\c\u000a\u0001")"); }

}  // namespace
}  // namespace fulcrum::sandbox
