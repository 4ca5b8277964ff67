// Dockerfiles: whatever parses can be planned, expanded and applied without harm, and an instruction's own text parses to the same kind.
#include <cstdint>
#include <string_view>

#include "image/build/image_config_edit.h"
#include "image/build/plan.h"

using namespace fulcrum::image::build;

namespace {

void check_message(const fulcrum::Error& error) {
  for (const char c : error.message) FULCRUM_ASSERT(static_cast<unsigned char>(c) >= 0x20);
}

void apply_all(const Dockerfile& file, const Stage& stage, const BuildArgs& args) {
  ConfigState state;
  state.args = args.for_stage();
  begin_stage(state, {});
  for (const auto& instruction : stage.instructions) {
    if (const auto* run = std::get_if<Run>(&instruction.what)) {
      static_cast<void>(run_comment(state, *run));
      continue;
    }
    static_cast<void>(expand_and_apply(state, instruction, file.escape));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = parse_dockerfile(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!file) {
    check_message(file.error());
    return 0;
  }
  BuildArgs args(BuildArgs::Values{{"A", "a"}, {"B", "$A*?"}}, platform_args("linux/amd64", "linux/amd64"));
  const auto plan = plan_build(*file, args, {.only_needed = false, .check_flags = false});
  if (!plan) return 0;
  FULCRUM_ASSERT(plan->stages.size() == file->stages.size() && plan->stages.back().index == plan->target);
  for (const auto& stage : plan->stages)
    for (const auto other : stage.depends_on) FULCRUM_ASSERT(other < stage.index);
  for (const auto& stage : file->stages) {
    for (const auto& instruction : stage.instructions) {
      if (const auto again = parse_instruction(instruction.original, file->escape)) FULCRUM_ASSERT(name_of(*again) == name_of(instruction));
    }
    apply_all(*file, stage, args);
  }
  return 0;
}
