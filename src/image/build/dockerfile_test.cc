#include "image/build/dockerfile.h"

#include <gmock/gmock.h>

#include "base/testing.h"

namespace fulcrum::image::build {
namespace {

using fulcrum::testing::ErrorIs;
using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

template <class T>
T only(std::string_view line) {
  const auto file = parse_dockerfile("FROM x\n" + std::string(line));
  EXPECT_TRUE(file) << line << ": " << (file ? "" : file.error().message);
  if (!file || file->stages[0].instructions.size() != 1) return T{};
  const auto* what = std::get_if<T>(&file->stages[0].instructions[0].what);
  EXPECT_NE(what, nullptr) << line;
  return what == nullptr ? T{} : *what;
}

std::string problem(std::string_view text) {
  const auto file = parse_dockerfile(text);
  return file ? "none" : file.error().message;
}

TEST(DockerfileTest, StagesAndGlobals) {
  const auto file = parse_dockerfile(R"(# a comment
ARG VERSION=1
ARG A B=2
FROM --platform=$X debian:$VERSION AS Base
RUN echo one
from base
copy --from=base /a /b
)");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->globals.size(), 2U);
  EXPECT_THAT(std::get<Arg>(file->globals[1].what).arguments, ElementsAre(Pair("A", std::nullopt), Pair("B", "2")));
  ASSERT_EQ(file->stages.size(), 2U);
  EXPECT_EQ(file->stages[0].name, "base");
  EXPECT_EQ(file->stages[0].base, "debian:$VERSION");
  EXPECT_EQ(file->stages[0].platform, "$X");
  EXPECT_EQ(file->stages[0].original, "FROM --platform=$X debian:$VERSION AS Base");
  EXPECT_EQ(file->stages[0].line, 4);
  EXPECT_EQ(file->stages[1].base, "base");
  EXPECT_EQ(name_of(file->stages[1].instructions[0]), "COPY");
  EXPECT_EQ(file->stages[1].instructions[0].original, "copy --from=base /a /b");
  EXPECT_EQ(file->stages[1].instructions[0].line, 7);
}

TEST(DockerfileTest, ContinuationCommentsAndLineEnds) {
  EXPECT_EQ(only<build::Run>("RUN a \\\n  b \\  \n# comment\n  # another\n && c\n").command.words[0], "a   b  && c");
  EXPECT_EQ(only<build::Run>("RUN a \\\r\n b\r\n").command.words[0], "a  b");
  EXPECT_EQ(only<build::Run>("RUN a\\\\\n").command.words[0], "a\\\\");
  EXPECT_EQ(only<build::Run>("   RUN   a   b  ").command.words[0], "a   b");
  EXPECT_EQ(only<build::Run>("RUN a \\").command.words[0], "a");
  EXPECT_EQ(only<build::Run>("\n\nRUN # no comment").command.words[0], "# no comment");
  const auto file = parse_dockerfile("\xef\xbb\xbf# escape=`\nFROM x\nRUN a `\n b\nWORKDIR C:\\x\\\n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->escape, '`');
  EXPECT_EQ(std::get<build::Run>(file->stages[0].instructions[0].what).command.words[0], "a  b");
  EXPECT_EQ(file->stages[0].instructions[0].last_line, 4);
  EXPECT_EQ(std::get<Workdir>(file->stages[0].instructions[1].what).path, "C:\\x\\");
  const auto empty = parse_dockerfile("FROM x\nRUN a \\\n\n b\n");
  ASSERT_TRUE(empty);
  EXPECT_THAT(empty->warnings, ElementsAre("[WARNING]: Empty continuation line found in: RUN a  b",
                                           "[WARNING]: Empty continuation lines will become errors in a future release."));
}

TEST(DockerfileTest, Directives) {
  const auto file = parse_dockerfile("# syntax=docker/dockerfile:1\n#check = skip=all\n# Escape = \\\n# escape=`\nFROM x\n");
  EXPECT_THAT(file, ErrorIs(Code::invalid_argument, "line 4: only one escape parser directive can be used"));
  const auto good = parse_dockerfile("# syntax=docker/dockerfile:1\n#check = skip=all\n# note\n# escape=`\nFROM x\n");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->syntax, "docker/dockerfile:1");
  EXPECT_EQ(good->check, "skip=all");
  EXPECT_EQ(good->escape, '\\');  // a comment before it ended the directives
  EXPECT_THAT(parse_dockerfile("# escape=x\nFROM x\n"), ErrorIs(Code::invalid_argument, "invalid escape token 'x'"));
}

TEST(DockerfileTest, CommandForms) {
  const auto exec = only<Cmd>("CMD [ \"a\", \"b c\" ]").command;
  EXPECT_FALSE(exec.shell_form);
  EXPECT_THAT(exec.words, ElementsAre("a", "b c"));
  for (const char* line : {"CMD ['a']", "CMD [\"a\"", "CMD [\"a\"] b", "CMD \"a\""}) {
    const auto shell = only<Cmd>(line).command;
    EXPECT_TRUE(shell.shell_form) << line;
    EXPECT_THAT(shell.words, ElementsAre(std::string_view(line).substr(4)));
  }
  EXPECT_THAT(only<Cmd>("CMD []").command.words, IsEmpty());
  EXPECT_FALSE(only<Cmd>("CMD []").command.shell_form);
  EXPECT_EQ(problem("FROM x\nCMD [\"a\", 1]"),
            "dockerfile parse error on line 2: when using JSON array syntax, arrays must be comprised of strings only");
  EXPECT_THAT(only<Shell>("SHELL [\"/bin/bash\", \"-c\"]").words, ElementsAre("/bin/bash", "-c"));
  EXPECT_THAT(only<Entrypoint>("ENTRYPOINT exec top").command.words, ElementsAre("exec top"));
}

TEST(DockerfileTest, NamesAndValues) {
  EXPECT_THAT(only<Env>("ENV a=1 b=\"x y\" c=x\\ y d='' e=").variables,
              ElementsAre(Pair("a", "1"), Pair("b", "\"x y\""), Pair("c", "x\\ y"), Pair("d", "''"), Pair("e", "")));
  EXPECT_THAT(only<Env>("ENV name  some value").variables, ElementsAre(Pair("name", "some value")));
  EXPECT_THAT(only<Label>("LABEL \"a b\"=c").labels, ElementsAre(Pair("\"a b\"", "c")));
  EXPECT_THAT(only<Arg>("ARG a=\"b c\" d").arguments, ElementsAre(Pair("a", "\"b c\""), Pair("d", std::nullopt)));
  EXPECT_EQ(problem("FROM x\nENV a"), "dockerfile parse error on line 2: ENV must have two arguments");
  EXPECT_EQ(problem("FROM x\nENV a=1 b"),
            "dockerfile parse error on line 2: Syntax error - can't find = in \"b\". Must be of the form: name=value");
  EXPECT_EQ(problem("FROM x\nENV =1"), "dockerfile parse error on line 2: ENV names can not be blank");
  EXPECT_EQ(problem("FROM x\nARG =1"), "dockerfile parse error on line 2: ARG names can not be blank");
}

TEST(DockerfileTest, CopyAndAdd) {
  const auto copy = only<Copy>("COPY --from=0 --chown=a:b --chmod=755 --link --exclude=*.o --exclude=*.a --parents x y z/");
  EXPECT_THAT(copy.transfer.sources, ElementsAre("x", "y"));
  EXPECT_EQ(copy.transfer.destination, "z/");
  EXPECT_EQ(copy.from, "0");
  EXPECT_EQ(copy.transfer.chown, "a:b");
  EXPECT_EQ(copy.transfer.chmod, "755");
  EXPECT_TRUE(copy.transfer.link);
  EXPECT_TRUE(copy.parents);
  EXPECT_THAT(copy.transfer.exclude, ElementsAre("*.o", "*.a"));
  EXPECT_THAT(only<Add>("ADD [\"a b\", \"c\"]").transfer.sources, ElementsAre("a b"));
  EXPECT_EQ(only<Add>("ADD --checksum=sha256:x --unpack=false http://x y").unpack, false);
  const std::pair<const char*, const char*> cases[] = {
      {"COPY a", "COPY requires at least two arguments, but only one was provided. Destination could not be determined"},
      {"COPY --form=0 a b", "unknown flag: --form"},
      {"COPY --from=0 --from=1 a b", "duplicate flag specified: --from"},
      {"COPY --from a b", "missing a value on flag: --from"},
      {"COPY --link=x a b", "expecting boolean value for flag --link, not: x"},
      {"COPY a <<EOF\nEOF\n", "COPY cannot accept a heredoc as a destination"},
  };
  for (const auto& [line, message] : cases)
    EXPECT_EQ(problem("FROM x\n" + std::string(line)), "dockerfile parse error on line 2: " + std::string(message));
}

TEST(DockerfileTest, Heredocs) {
  const auto run = only<build::Run>("RUN <<EOF\n  echo a\n# kept\n\nFOO=b\nEOF\n");
  EXPECT_THAT(run.command.files, ElementsAre(FieldsAre("EOF", 0U, true, false, "  echo a\n# kept\n\nFOO=b\n")));
  const auto two = only<build::Run>("RUN cat <<A 3<<-'B' > /x\na\nA\n\tb\n\tB\n");
  EXPECT_THAT(two.command.files, ElementsAre(FieldsAre("A", 0U, true, false, "a\n"), FieldsAre("B", 3U, false, true, "\tb\n")));
  EXPECT_THAT(two.command.words, ElementsAre("cat <<A 3<<-'B' > /x"));
  const auto copy = only<Copy>("COPY a <<x.txt <<-\"y\" /dir/\n$a\nx.txt\n\t\tb\ny\n").transfer;
  EXPECT_THAT(copy.sources, ElementsAre("a"));
  EXPECT_THAT(copy.inline_files, ElementsAre(FieldsAre("x.txt", "$a\n", true), FieldsAre("y", "b\n", false)));
  EXPECT_THAT(only<build::Run>("RUN [\"cat\", \"<<EOF\"]").command.files, IsEmpty());
  EXPECT_THAT(only<build::Run>("RUN cat <<<word").command.files, IsEmpty());
  EXPECT_THAT(only<build::Run>("RUN echo '<<EOF'").command.files, IsEmpty());
  EXPECT_THAT(only<Cmd>("CMD cat <<EOF").command.files, IsEmpty());
  EXPECT_EQ(problem("FROM x\nRUN <<EOF\nls"), "dockerfile parse error on line 2: unterminated heredoc");
  EXPECT_EQ(only<Onbuild>("ONBUILD RUN <<EOF\nls\nEOF\n").trigger, "RUN <<EOF\nls\nEOF");
}

TEST(DockerfileTest, Healthchecks) {
  const auto health = only<Healthcheck>("HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 --start-period=1s CMD curl -f x").health;
  EXPECT_THAT(health.test, ElementsAre("CMD-SHELL", "curl -f x"));
  EXPECT_EQ(health.interval, 90'000'000'000);
  EXPECT_EQ(health.timeout, 500'000'000);
  EXPECT_EQ(health.retries, 3);
  EXPECT_THAT(only<Healthcheck>("HEALTHCHECK cmd [\"a\", \"b\"]").health.test, ElementsAre("CMD", "a", "b"));
  EXPECT_THAT(only<Healthcheck>("HEALTHCHECK none").health.test, ElementsAre("NONE"));
  for (const char* bad : {"HEALTHCHECK", "HEALTHCHECK NONE x", "HEALTHCHECK CMD", "HEALTHCHECK WHAT x", "HEALTHCHECK --retries=-1 CMD x",
                          "HEALTHCHECK --retries=1x CMD x", "HEALTHCHECK --interval=1us CMD x", "HEALTHCHECK --timeout=1 CMD x"})
    EXPECT_THAT(parse_dockerfile("FROM x\n" + std::string(bad)), ErrorIs(Code::invalid_argument, "line 2")) << bad;
}

TEST(DockerfileTest, TheRest) {
  EXPECT_THAT(only<Expose>("EXPOSE 80 443/tcp 22").ports, ElementsAre("22", "443/tcp", "80"));
  EXPECT_THAT(only<Volume>("VOLUME /a /b").paths, ElementsAre("/a", "/b"));
  EXPECT_THAT(only<Volume>("VOLUME [\"/a b\"]").paths, ElementsAre("/a b"));
  EXPECT_EQ(only<User>("USER  a b").user, "a b");
  EXPECT_EQ(only<StopSignal>("STOPSIGNAL SIGTERM").signal, "SIGTERM");
  EXPECT_EQ(only<Maintainer>("MAINTAINER Somebody <a@b>").name, "Somebody <a@b>");
  EXPECT_EQ(only<Onbuild>("ONBUILD  COPY --from=x  a b").trigger, "COPY --from=x  a b");
}

TEST(DockerfileTest, Errors) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "file with no instructions"},
      {"# only\n\n", "file with no instructions"},
      {"RUN x", "dockerfile parse error on line 1: no build stage in current context"},
      {"FROM x\n\nFOO bar", "dockerfile parse error on line 3: unknown instruction: FOO"},
      {"FROM", "dockerfile parse error on line 1: FROM requires either one or three arguments"},
      {"FROM a b", "dockerfile parse error on line 1: FROM requires either one or three arguments"},
      {"FROM a AS 1x",
       "dockerfile parse error on line 1: invalid name for build stage: \"1x\", name can't start with a number or contain symbols"},
      {"FROM x\nWORKDIR", "dockerfile parse error on line 2: WORKDIR requires exactly one argument"},
      {"FROM x\nUSER", "dockerfile parse error on line 2: USER requires exactly one argument"},
      {"FROM x\nEXPOSE", "dockerfile parse error on line 2: EXPOSE requires at least one argument"},
      {"FROM x\nVOLUME []", "dockerfile parse error on line 2: VOLUME requires at least one argument"},
      {"FROM x\nVOLUME [\" \"]", "dockerfile parse error on line 2: VOLUME specified can not be an empty string"},
      {"FROM x\nSHELL sh -c", "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form"},
      {"FROM x\nONBUILD", "dockerfile parse error on line 2: ONBUILD requires at least one argument"},
      {"FROM x\nONBUILD ONBUILD RUN x", "dockerfile parse error on line 2: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
      {"FROM x\nONBUILD from y", "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger"},
      {"FROM x\nRUN --network=x y", "dockerfile parse error on line 2: unsupported network mode \"x\""},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(problem(text), message) << text;
  EXPECT_THAT(parse_dockerfile("FROM x\nRUN " + std::string(70000, 'a')),
              ErrorIs(Code::invalid_argument, "line 2: dockerfile line greater than"));
  EXPECT_THAT(parse_dockerfile("FROM x\nRUN a\nRUN b", {.max_instructions = 2}), ErrorIs(Code::invalid_argument, "line 3"));
  EXPECT_THAT(parse_dockerfile("FROM x", {.max_bytes = 3}), ErrorIs(Code::invalid_argument, "longer than"));
}

TEST(DockerfileTest, OneInstruction) {
  EXPECT_TRUE(parse_instruction("RUN <<EOF\nx\nEOF"));
  EXPECT_THAT(parse_instruction("RUN a\nRUN b"), ErrorIs(Code::invalid_argument, "single"));
  EXPECT_THAT(parse_instruction("FROM a"), ErrorIs(Code::invalid_argument));
  EXPECT_EQ(label_instruction("a", "$b").original, "LABEL a=$b");
}

TEST(DockerfileTest, FlagsOfBuildKitAreNamed) {
  for (const char* line : {"RUN --mount=type=cache,target=/x y", "RUN --security=insecure y", "ADD --keep-git-dir=true http://x y"})
    EXPECT_THAT(check_supported(parse_instruction(line).value()), ErrorIs(Code::unimplemented, "option requires BuildKit")) << line;
  for (const char* line : {"RUN --network=none y", "COPY --link --chmod=644 x y"})
    EXPECT_TRUE(check_supported(parse_instruction(line).value())) << line;
}

}  // namespace
}  // namespace fulcrum::image::build
