#include "sandbox/shim/message.h"

#include "base/testing.h"
#include "sandbox/shim/options.h"
#include "sandbox/shim/runtime_error.h"
#include "sandbox/stream/detach_keys.h"

namespace fulcrum::sandbox::shim {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOkAndHolds;

const Request kRequest{.type = Type::exec,
                       .exec_id = "e1",
                       .path = "/run/x.json",
                       .tty = true,
                       .format = kStdin | kLogs,
                       .height = 24,
                       .width = 80,
                       .signal = 15,
                       .detach_keys = "ctrl-p",
                       .early = std::string("a\0b", 3)};

TEST(ShimMessage, SurvivesTheWay) {
  EXPECT_THAT(decode_request(encode(kRequest)), IsOkAndHolds(kRequest));
  const Reply reply{.code = Code::not_found,
                    .ok = false,
                    .message = "no",
                    .state = RunState::stopped,
                    .run = 3,
                    .pid = -1,
                    .exit_code = 137,
                    .oom_killed = true};
  EXPECT_THAT(decode_reply(encode(reply)), IsOkAndHolds(reply));
}

TEST(ShimMessage, EveryTruncationIsRefusedOrMeansAnOlderSender) {
  const auto whole = encode(kRequest);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto decoded = decode_request(whole.substr(0, n));
    if (decoded) {
      EXPECT_EQ(decoded->type, Type::exec);
    }
  }
  EXPECT_THAT(decode_request(""), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(decode_request(whole.substr(0, 4)), ErrorIs(Code::invalid_argument, "truncated"));
}

TEST(ShimMessage, HostileOnesAreRefused) {
  auto bytes = encode(kRequest);
  bytes[0] = 9;
  EXPECT_THAT(decode_request(bytes), ErrorIs(Code::unimplemented));
  bytes[0] = 1;
  bytes[1] = 77;
  EXPECT_THAT(decode_request(bytes), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(decode_request(std::string(kMaxMessage + 1, '\1')), ErrorIs(Code::invalid_argument));
  auto request = kRequest;
  request.exec_id = "../x";
  EXPECT_THAT(decode_request(encode(request)), ErrorIs(Code::invalid_argument));
  request = kRequest;
  request.early.assign(kMaxEarly + 1, 'x');
  EXPECT_THAT(decode_request(encode(request)), ErrorIs(Code::invalid_argument));
}

TEST(DetachKeys, AreFoundHoweverTheyArrive) {
  auto keys = DetachKeys::parse("ctrl-p,ctrl-q");
  ASSERT_OK(keys);
  std::string out;
  EXPECT_FALSE(keys->feed("ab\x10", out));
  EXPECT_EQ(out, "ab") << "what may begin the sequence is held back";
  EXPECT_FALSE(keys->feed("c\x10\x10", out));
  EXPECT_EQ(out,
            "ab\x10"
            "c\x10");
  EXPECT_TRUE(keys->feed("\x11rest", out));
  EXPECT_EQ(out,
            "ab\x10"
            "c\x10");
}

TEST(DetachKeys, UnderstandsDockersNames) {
  EXPECT_OK(DetachKeys::parse("ctrl-@,a,ctrl-_"));
  EXPECT_OK(DetachKeys::parse(""));
  EXPECT_THAT(DetachKeys::parse("ctrl-"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(DetachKeys::parse("ctrl-1"), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(DetachKeys::parse("a,,b"), ErrorIs(Code::invalid_argument));
}

TEST(ShimOptions, SurviveTheCommandLine) {
  const Options options{.id = "x",
                        .run = 7,
                        .directory = "/r",
                        .state = "/s",
                        .runtime = "/bin/r",
                        .runtime_root = "/rr",
                        .log_directory = "/l l",
                        .log_size = 5,
                        .log_files = 2,
                        .oom_file = "/o",
                        .tty = true,
                        .input = true,
                        .input_once = true,
                        .shared_pid = true};
  const auto words = to_arguments(options);
  std::vector<const char*> pointers;
  for (const auto& word : words) pointers.push_back(word.c_str());
  EXPECT_THAT(parse_arguments(pointers), IsOkAndHolds(options));
  const std::vector<const char*> wrong{"--id=x", "--tty=maybe"};
  EXPECT_THAT(parse_arguments(wrong), ErrorIs(Code::invalid_argument, "--tty"));
  const std::vector<const char*> unknown{"--nosuch=x"};
  EXPECT_THAT(parse_arguments(unknown), ErrorIs(Code::invalid_argument, "nosuch"));
}

TEST(RuntimeError, TellsMissingFromForbidden) {
  EXPECT_EQ(runtime_error("exec failed: exec: \"x\": executable file not found in $PATH\n").code, Code::not_found);
  EXPECT_EQ(runtime_error("ERRO[0000] exec: \"/etc/passwd\": permission denied").code, Code::permission_denied);
  EXPECT_EQ(runtime_error("ERRO[0000] exec: \"/etc/passwd\": permission denied").message, "exec: \"/etc/passwd\": permission denied");
  EXPECT_EQ(runtime_error("mount /nosuch: No such file or directory").code, Code::invalid_argument) << "that is no missing program";
  EXPECT_EQ(runtime_error("").code, Code::internal);
}

}  // namespace
}  // namespace fulcrum::sandbox::shim
