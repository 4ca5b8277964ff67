// Dockerfiles, parsed: directives, global arguments, stages and their typed instructions, with every word still unexpanded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"

namespace fulcrum::image::build {

/// A here-document: `<<NAME` and the lines up to NAME.
struct Heredoc {
  std::string name;
  unsigned file_descriptor = 0;
  bool expand = true;  ///< no part of the name was quoted
  bool chomp = false;  ///< `<<-NAME`: leading tabs do not count
  std::string content;
  friend bool operator==(const Heredoc&, const Heredoc&) = default;
};

/// `--name` or `--name=value` before an instruction's arguments.
struct Flag {
  std::string name;
  std::string value;
  friend bool operator==(const Flag&, const Flag&) = default;
};

/// What RUN, CMD and ENTRYPOINT take.
struct CommandLine {
  std::vector<std::string> words;  ///< the exec form's words, or the shell form's one text; may be empty
  bool shell_form = true;          ///< the stage's shell goes before it
  std::vector<Heredoc> files;      ///< only of RUN
  friend bool operator==(const CommandLine&, const CommandLine&) = default;
};

/// `key=value`
using Pair = std::pair<std::string, std::string>;

struct Run {
  CommandLine command;
  std::string network;      ///< --network: "", "default", "none" or "host"
  std::vector<Flag> flags;  ///< all of them, in order
};
struct Cmd {
  CommandLine command;
};
struct Entrypoint {
  CommandLine command;
};
/// A file written in the Dockerfile itself, as a source of COPY or ADD.
struct InlineFile {
  std::string name;
  std::string content;
  bool expand = true;  ///< variables within are expanded (expand_instruction does it)
  friend bool operator==(const InlineFile&, const InlineFile&) = default;
};
/// What COPY and ADD share.
struct Transfer {
  std::vector<std::string> sources;
  std::vector<InlineFile> inline_files;  ///< come after the sources
  std::string destination;
  std::string chown;                 ///< user[:group]
  std::string chmod;                 ///< octal; refused otherwise when it is used
  bool link = false;                 ///< accepted; the tree that results is the same
  std::vector<std::string> exclude;  ///< patterns as in .dockerignore, relative to each source
};
struct Copy {
  Transfer transfer;
  std::string from;  ///< stage name, stage number or image; empty: the build context
  bool parents = false;
};
struct Add {
  Transfer transfer;
  std::string checksum;        ///< of a source that is a URL
  std::optional<bool> unpack;  ///< unsaid: local archives yes, URLs no
  std::optional<bool> keep_git_dir;
};
struct Env {
  std::vector<Pair> variables;
};
struct Arg {
  std::vector<std::pair<std::string, std::optional<std::string>>> arguments;
};
struct Label {
  std::vector<Pair> labels;
  bool verbatim = false;  ///< from the request, not from the file: nothing is expanded
};
struct Expose {
  std::vector<std::string> ports;  ///< sorted, as the classic builder does
};
struct User {
  std::string user;
};
struct Workdir {
  std::string path;
};
struct Volume {
  std::vector<std::string> paths;
};
struct StopSignal {
  std::string signal;
};
struct Healthcheck {
  oci::Healthcheck health;
};
struct Shell {
  std::vector<std::string> words;
};
struct Onbuild {
  std::string trigger;  ///< an instruction, to be parsed by parse_instruction when it fires
};
struct Maintainer {
  std::string name;
};

/// One instruction other than FROM.
struct Instruction {
  std::variant<Run, Cmd, Entrypoint, Copy, Add, Env, Arg, Label, Expose, User, Workdir, Volume, StopSignal, Healthcheck, Shell, Onbuild,
               Maintainer>
      what;
  std::string original;  ///< as written, continuation lines joined: what "Step 2/5 : …" shows
  int line = 0;          ///< where it starts, from 1
  int last_line = 0;
};

/// FROM and what follows it.
struct Stage {
  std::size_t index = 0;
  std::string name;      ///< lower case; empty when it has none
  std::string base;      ///< unexpanded
  std::string platform;  ///< --platform, unexpanded
  std::string original;  ///< the FROM line
  int line = 0;
  std::vector<Instruction> instructions;
};

/// A whole file.
struct Dockerfile {
  char escape = '\\';
  std::string syntax;                ///< `# syntax=`: said, but the built-in syntax is always used
  std::string check;                 ///< `# check=`
  std::vector<Instruction> globals;  ///< ARGs before the first FROM; each holds an Arg
  std::vector<Stage> stages;
  std::vector<std::string> warnings;  ///< lines as the classic builder prints them
};

/// What is accepted at all. The limit that is passed is invalid_argument, as everything wrong with the text is.
struct DockerfileLimits {
  std::size_t max_bytes = 4 << 20;
  std::size_t max_line = 65535;  ///< as docker
  std::size_t max_instructions = 10000;
};

/// Parses a Dockerfile. Errors: invalid_argument in docker's words, with the line: "dockerfile parse error on line 3: unknown instruction:
/// FOO". A file without FROM that has other instructions: "no build stage in current context".
[[nodiscard]] Result<Dockerfile> parse_dockerfile(std::string_view text, const DockerfileLimits& limits = {});

/// Parses one instruction by itself: an ONBUILD trigger, `commit --change`. FROM is refused.
[[nodiscard]] Result<Instruction> parse_instruction(std::string_view text, char escape = '\\');

/// A --label of the request, as an instruction for the last stage.
Instruction label_instruction(const std::string& name, const std::string& value);

/// "RUN", "COPY", …
std::string_view name_of(const Instruction& instruction);

/// The flag of this instruction that this builder does not do, in docker's words ("the --mount option requires BuildKit. …"):
/// RUN --mount, --security, --device; ADD --keep-git-dir. Errors: unimplemented.
[[nodiscard]] Result<> check_supported(const Instruction& instruction);

}  // namespace fulcrum::image::build
