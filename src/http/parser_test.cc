#include "http/parser.h"

#include <array>

#include "base/testing.h"

namespace fulcrum::http {
namespace {

struct Parsed {
  std::string body;
  std::string rest;  ///< what the parser left for the next message
};

/// Feeds a request whose pieces arrive one after the other, as a connection does: what was not taken stays, with more behind it.
Result<Parsed> parse(const std::vector<std::string>& pieces) {
  const auto parser = make_request_parser({});
  Parsed parsed;
  for (const auto& piece : pieces) {
    parsed.rest += piece;
    if (!parser->header_done()) parsed.rest.erase(0, TRY(parser->feed_header(parsed.rest)));
    while (parser->header_done() && !parser->done()) {
      std::array<char, 3> out;
      const auto step = TRY(parser->feed_body(parsed.rest, out.data(), out.size()));
      parsed.rest.erase(0, step.taken);
      parsed.body.append(out.data(), step.produced);
      if (step.taken == 0 && step.produced == 0) break;
    }
  }
  if (!parser->done()) return fail(Code::data_loss, "not complete");
  return parsed;
}

constexpr std::string_view kHeader = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(Parser, AChunkedBodyMayBeCutAnywhere) {
  for (const std::string_view ending : {"0\r\n\r\n", "0\r\nTrailer: t\r\n\r\n", "000;x=y\r\n\r\n"}) {
    const std::string text = std::string(kHeader) + "5\r\nhello\r\n1;x=y\r\n!\r\n" + std::string(ending) + "GET";
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      const auto parsed = parse({text.substr(0, cut), text.substr(cut)});
      ASSERT_OK(parsed) << "cut at " << cut;
      EXPECT_EQ(parsed->body, "hello!") << "cut at " << cut;
      EXPECT_EQ(parsed->rest, "GET") << "cut at " << cut;
    }
    std::vector<std::string> bytes;
    for (const char c : text) bytes.emplace_back(1, c);
    const auto parsed = parse(bytes);
    ASSERT_OK(parsed);
    EXPECT_EQ(parsed->body, "hello!");
  }
}

TEST(Parser, ABodyOfOneFinalChunkMayComeInPieces) {
  const std::string header(kHeader);
  for (const auto& pieces : std::vector<std::vector<std::string>>{{header + "0\r\n\r\n"},
                                                                  {header, "0\r\n\r\n"},
                                                                  {header, "0\r\n", "\r\n"},
                                                                  {header, "0", "\r", "\n", "\r", "\n"},
                                                                  {header + "0\r\n\r", "\n"}}) {
    const auto parsed = parse(pieces);
    ASSERT_OK(parsed) << pieces.size();
    EXPECT_EQ(parsed->body, "");
  }
}

}  // namespace
}  // namespace fulcrum::http
