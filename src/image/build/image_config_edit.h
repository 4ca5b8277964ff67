// What instructions do to an image's config, and what the history says of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/oci/image_spec.h"
#include "base/error.h"
#include "image/build/build_args.h"
#include "image/build/dockerfile.h"

namespace fulcrum::image::build {

/// A stage's config while its instructions are applied one after the other.
struct ConfigState {
  oci::ImageRunConfig config;
  std::string author;    ///< of MAINTAINER
  bool cmd_set = false;  ///< this stage set CMD, so ENTRYPOINT keeps it
  BuildArgs args;
};

/// The PATH that a stage gets whose base image sets none.
inline constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Starts a stage on its base's config (empty for scratch): adds PATH when there is none, and takes out the ONBUILD triggers, which the
/// caller then parses (parse_instruction) and runs first.
std::vector<std::string> begin_stage(ConfigState& state, const oci::ImageRunConfig& base);

/// What words of the next instruction may refer to: the config's environment, then the allowed arguments. "NAME=value".
std::vector<std::string> visible_environment(const ConfigState& state);

/// Applies an instruction that changes the config only: ENV, LABEL, EXPOSE, USER, VOLUME, CMD, ENTRYPOINT, HEALTHCHECK, STOPSIGNAL, SHELL,
/// ONBUILD, MAINTAINER, ARG, and WORKDIR's path (making the folder is the caller's). Its words must be expanded already. Returns the
/// history's text: `/bin/sh -c #(nop)  CMD ["a"]`. RUN, COPY and ADD are invalid_argument.
[[nodiscard]] Result<std::string> apply_instruction(ConfigState& state, const Instruction& instruction);

/// Expands, then applies: what most callers want.
[[nodiscard]] Result<std::string> expand_and_apply(ConfigState& state, Instruction instruction, char escape = '\\');

/// What `commit --change` and `import --change` do: the instructions CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL,
/// USER, VOLUME and WORKDIR, one after the other as if they stood in one Dockerfile. Errors: invalid_argument, also for any other
/// instruction; the config stays as it was.
[[nodiscard]] Result<> apply_changes(oci::ImageRunConfig& config, std::span<const std::string> changes);

/// The config's shell, or {"/bin/sh", "-c"}.
std::vector<std::string> shell_of(const oci::ImageRunConfig& config);
/// The words that a command line runs: with the shell before them in the shell form. Here-documents of RUN are not looked at.
std::vector<std::string> resolve_command(const oci::ImageRunConfig& config, const CommandLine& command);
/// What RUN executes: as resolve_command; a lone here-document is the script itself (a `#!` names what the shell hands it to, as
/// /dev/fd/3), and here-documents within a command are given to the shell as written.
std::vector<std::string> run_words(const oci::ImageRunConfig& config, const Run& run);
/// The environment that RUN gets: the config's, then the allowed arguments.
std::vector<std::string> run_environment(const ConfigState& state);

/// The history's text of RUN: "/bin/sh -c make", with "|1 X=y " before it when arguments count.
std::string run_comment(const ConfigState& state, const Run& run);
/// The history's text of COPY and ADD: `/bin/sh -c #(nop) COPY file:HASH in /dst `. `source_hash` is CopyPlan::source_hash.
std::string copy_comment(const ConfigState& state, const Instruction& instruction, std::string_view source_hash);

}  // namespace fulcrum::image::build
