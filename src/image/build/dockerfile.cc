#include "image/build/dockerfile.h"

#include <algorithm>
#include <array>

#include "image/build/go_text.h"
#include "image/build/instructions.h"
#include "image/build/nodes.h"

namespace fulcrum::image::build {

Result<Dockerfile> parse_dockerfile(std::string_view text, const DockerfileLimits& limits) {
  auto list = TRY(read_nodes(text, limits));
  Dockerfile out;
  out.escape = list.escape;
  out.syntax = std::move(list.syntax);
  out.check = std::move(list.check);
  out.warnings = std::move(list.warnings);
  for (const auto& node : list.nodes) {
    if (to_upper(node.name) == "FROM") {
      auto stage = make_stage(node);
      if (!stage) return fail_at(node.line, stage.error().message);
      stage->index = out.stages.size();
      out.stages.push_back(std::move(*stage));
      continue;
    }
    auto instruction = make_instruction(node);
    if (!instruction) return fail_at(node.line, instruction.error().message);
    if (!out.stages.empty()) {
      out.stages.back().instructions.push_back(std::move(*instruction));
    } else if (std::holds_alternative<Arg>(instruction->what)) {
      out.globals.push_back(std::move(*instruction));
    } else {
      return fail_at(node.line, "no build stage in current context");
    }
  }
  return out;
}

Result<Instruction> parse_instruction(std::string_view text, char escape) {
  const auto list = TRY(read_nodes(text, {}, escape));
  if (list.nodes.size() != 1) return fail(Code::invalid_argument, "a single instruction is expected, not {}", list.nodes.size());
  const auto& node = list.nodes[0];
  if (to_upper(node.name) == "FROM") return fail(Code::invalid_argument, "FROM is not allowed here");
  return make_instruction(node);
}

Instruction label_instruction(const std::string& name, const std::string& value) {
  return Instruction{Label{{{name, value}}, true}, "LABEL " + name + "=" + value, 0, 0};
}

std::string_view name_of(const Instruction& instruction) {
  constexpr std::array<std::string_view, 17> kNames = {"RUN",        "CMD",         "ENTRYPOINT", "COPY",    "ADD",       "ENV",
                                                       "ARG",        "LABEL",       "EXPOSE",     "USER",    "WORKDIR",   "VOLUME",
                                                       "STOPSIGNAL", "HEALTHCHECK", "SHELL",      "ONBUILD", "MAINTAINER"};
  static_assert(std::variant_size_v<decltype(Instruction::what)> == kNames.size());
  return kNames[instruction.what.index()];
}

Result<> check_supported(const Instruction& instruction) {
  const auto refused = [](std::string_view flag) {
    return fail(Code::unimplemented,
                "the --{} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with "
                "BuildKit enabled",
                flag);
  };
  if (const auto* run = std::get_if<Run>(&instruction.what)) {
    for (const auto& flag : run->flags)
      if (flag.name != "network") return refused(flag.name);
  }
  if (const auto* add = std::get_if<Add>(&instruction.what); add != nullptr && add->keep_git_dir) return refused("keep-git-dir");
  return {};
}

}  // namespace fulcrum::image::build
