#include "image/build/image_config_edit.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Applies a line and gives the history's text.
std::string apply(ConfigState& state, std::string_view line) {
  const auto out = expand_and_apply(state, parse_instruction(line).value());
  return out ? *out : "error: " + out.error().message;
}

TEST(ImageConfigEditTest, HistoryReadsAsDockersDoes) {
  ConfigState state;
  EXPECT_THAT(begin_stage(state, {}), IsEmpty());
  const std::pair<const char*, const char*> cases[] = {
      {"ENV A=1 B=\"x y\"", "/bin/sh -c #(nop)  ENV A=1 B=x y"},
      {"ENV C $A-z", "/bin/sh -c #(nop)  ENV C=1-z"},
      {"LABEL l=$A", "/bin/sh -c #(nop)  LABEL l=1"},
      {"ARG x=$A y", "/bin/sh -c #(nop)  ARG x=1 y"},
      {"EXPOSE 80 53/udp 8000-8001", "/bin/sh -c #(nop)  EXPOSE 53/udp 80 8000-8001"},
      {"USER me", "/bin/sh -c #(nop)  USER me"},
      {"WORKDIR /a", "/bin/sh -c #(nop) WORKDIR /a"},
      {"WORKDIR b/../c", "/bin/sh -c #(nop) WORKDIR /a/c"},
      {"VOLUME /v /w", "/bin/sh -c #(nop)  VOLUME [/v /w]"},
      {"CMD [\"a\", \"b\\\"c\"]", "/bin/sh -c #(nop)  CMD [\"a\" \"b\\\"c\"]"},
      {"CMD top", "/bin/sh -c #(nop)  CMD [\"/bin/sh\" \"-c\" \"top\"]"},
      {"ENTRYPOINT [\"e\"]", "/bin/sh -c #(nop)  ENTRYPOINT [\"e\"]"},
      {"STOPSIGNAL SIGINT", "/bin/sh -c #(nop)  STOPSIGNAL SIGINT"},
      {"MAINTAINER me", "/bin/sh -c #(nop)  MAINTAINER me"},
      {"ONBUILD RUN x", "/bin/sh -c #(nop)  ONBUILD RUN x"},
      {"HEALTHCHECK --interval=90s CMD x",
       "/bin/sh -c #(nop)  HEALTHCHECK &{Test:[CMD-SHELL x] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}"},
      {"SHELL [\"/bin/bash\", \"-c\"]", "/bin/bash -c #(nop)  SHELL [/bin/bash -c]"},
      {"CMD top", "/bin/bash -c #(nop)  CMD [\"/bin/bash\" \"-c\" \"top\"]"},
  };
  for (const auto& [line, text] : cases) EXPECT_EQ(apply(state, line), text) << line;
  const auto& config = state.config;
  EXPECT_THAT(config.env, ElementsAre("PATH=" + std::string(kDefaultPath), "A=1", "B=x y", "C=1-z"));
  EXPECT_EQ(config.exposed_ports.size(), 4U);
  EXPECT_EQ(config.working_dir, "/a/c");
  EXPECT_EQ(config.volumes.size(), 2U);
  EXPECT_EQ(state.author, "me");
  EXPECT_THAT(config.on_build, ElementsAre("RUN x"));
}

TEST(ImageConfigEditTest, EntrypointResetsAnInheritedCommand) {
  oci::ImageRunConfig base;
  base.cmd = {"inherited"};
  base.on_build = {"RUN a", "RUN b"};
  base.env = {"PATH=/bin"};
  ConfigState state;
  EXPECT_THAT(begin_stage(state, base), ElementsAre("RUN a", "RUN b"));
  EXPECT_THAT(state.config.on_build, IsEmpty());
  EXPECT_THAT(state.config.env, ElementsAre("PATH=/bin"));
  apply(state, "ENTRYPOINT x");
  EXPECT_THAT(state.config.cmd, IsEmpty());
  apply(state, "CMD [\"own\"]");
  EXPECT_EQ(apply(state, "ENTRYPOINT []"), "/bin/sh -c #(nop)  ENTRYPOINT []");
  EXPECT_THAT(state.config.entrypoint, IsEmpty());
  EXPECT_THAT(state.config.cmd, ElementsAre("own"));
}

TEST(ImageConfigEditTest, Errors) {
  ConfigState state;
  const std::pair<const char*, const char*> cases[] = {
      {"EXPOSE 80/icmp", "invalid proto: icmp"},     {"EXPOSE 9-8", "invalid containerPort: 9-8"}, {"EXPOSE x", "invalid containerPort: x"},
      {"EXPOSE 0", "invalid containerPort: 0"},      {"EXPOSE /tcp", "no port specified"},         {"STOPSIGNAL x", "invalid signal: x"},
      {"WORKDIR $none", "cannot normalize nothing"}, {"VOLUME $none", "can not be an empty"},
  };
  for (const auto& [line, message] : cases) EXPECT_THAT(apply(state, line), ::testing::HasSubstr(message)) << line;
  EXPECT_THAT(apply_instruction(state, parse_instruction("RUN x").value()), ErrorIs(Code::invalid_argument));
}

TEST(ImageConfigEditTest, RunSaysItsArguments) {
  ConfigState state;
  state.args = BuildArgs(BuildArgs::Values{{"HTTP_PROXY", "p"}, {"b", "2"}});
  const auto run = std::get<build::Run>(parse_instruction("RUN make").value().what);
  EXPECT_EQ(run_comment(state, run), "|0 /bin/sh -c make");
  apply(state, "ARG b");
  apply(state, "ARG a=x y");
  EXPECT_EQ(run_comment(state, run), "|2 a=x b=2 /bin/sh -c make");
  EXPECT_THAT(run_environment(state), ElementsAre("HTTP_PROXY=p", "a=x", "b=2"));
  state.args = BuildArgs();
  EXPECT_EQ(run_comment(state, run), "/bin/sh -c make");
}

TEST(ImageConfigEditTest, HereDocumentsOfRun) {
  const auto words = [](std::string_view line) { return run_words({}, std::get<build::Run>(parse_instruction(line).value().what)).back(); };
  EXPECT_EQ(words("RUN <<EOF\na\nb\nEOF\n"), "a\nb\n");
  EXPECT_EQ(words("RUN <<-EOF\n\ta\n\tEOF\n"), "a\n");
  EXPECT_EQ(words("RUN cat <<EOF >x && y\na\nEOF\n"), "cat <<EOF >x && y\na\nEOF");
  EXPECT_EQ(words("RUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF\n"),
            "exec /usr/bin/env python3 /dev/fd/3 3<<'END_OF_SCRIPT'\n#!/usr/bin/env python3\nprint(1)\nEND_OF_SCRIPT\n");
}

TEST(ImageConfigEditTest, CopySaysItsHash) {
  EXPECT_EQ(copy_comment({}, parse_instruction("COPY --chown=1:2 a b/").value(), "file:abc"),
            "/bin/sh -c #(nop) COPY --chown=1:2 file:abc in b/ ");
}

TEST(ImageConfigEditTest, ChangesInTheFormsOfADockerfile) {
  oci::ImageRunConfig config;
  const std::vector<std::string> changes = {"cmd echo hi",          "ENTRYPOINT [\"/bin/x\"]",
                                            "ENV OLD some value",   "LABEL a=1 b='x y'",
                                            "USER 1000:1000",       "VOLUME [\"/data\"]",
                                            "STOPSIGNAL SIGQUIT",   "ONBUILD RUN x",
                                            "EXPOSE 8000-8002/tcp", "HEALTHCHECK --interval=5s --retries=3 CMD curl -f localhost"};
  EXPECT_OK(apply_changes(config, changes));
  EXPECT_THAT(config.cmd, ElementsAre("/bin/sh", "-c", "echo hi"));
  EXPECT_THAT(config.env, ElementsAre("OLD=some value"));
  EXPECT_EQ(config.labels["b"], "x y");
  EXPECT_EQ(config.exposed_ports.size(), 3U);
  EXPECT_EQ(config.healthcheck->interval, 5'000'000'000);
  EXPECT_THAT(config.healthcheck->test, ElementsAre("CMD-SHELL", "curl -f localhost"));
  for (const char* bad : {"", "FROM x", "EXPOSE 0", "EXPOSE 80/icmp", "EXPOSE 9-8", "ENV =x", "ENV A", "LABEL a='", "HEALTHCHECK x",
                          "HEALTHCHECK --retries=x CMD y", "HEALTHCHECK --foo=1 NONE"}) {
    EXPECT_THAT(apply_changes(config, std::vector<std::string>{bad}), ErrorIs(Code::invalid_argument)) << bad;
  }
}

TEST(ImageConfigEditTest, Changes) {
  oci::ImageRunConfig config;
  config.cmd = {"old"};
  config.env = {"PATH=/bin"};
  const std::vector<std::string> changes = {"ENV X=$PATH/x", "ENTRYPOINT [\"e\"]", "workdir sub"};
  EXPECT_OK(apply_changes(config, changes));
  EXPECT_THAT(config.env, ElementsAre("PATH=/bin", "X=/bin/x"));
  EXPECT_THAT(config.cmd, IsEmpty());
  EXPECT_EQ(config.working_dir, "/sub");
  const auto before = config;
  for (const char* bad : {"RUN x", "FROM x", "COPY a b", "ARG x", "SHELL [\"x\"]", "MAINTAINER x", ""}) {
    const std::vector<std::string> two = {"ENV Y=1", bad};
    EXPECT_THAT(apply_changes(config, two), ErrorIs(Code::invalid_argument)) << bad;
  }
  EXPECT_EQ(config, before);
}

}  // namespace
}  // namespace fulcrum::image::build
