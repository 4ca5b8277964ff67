#include <cstdlib>

#include "api/workload/codec.h"
#include "api/workload/short_forms.h"
#include "base/testing.h"

namespace fulcrum::api {
namespace {
using testing::ErrorIs;
using testing::IsOk;

constexpr std::string_view kWeb = R"(
name: web
topology: container
image: debian-nginx:1.22
command: [nginx, -g, "daemon off;"]
env: {LOG: debug, N: 3}
ports: ["8080:80", "127.0.0.1:53:53/udp"]
volumes: ["data:/var/lib/data", "/etc/x:/etc/x:ro", {type: tmpfs, target: /tmp, size: 16Mi}]
resources: {cpus: 1, memory: 128Mi}
health: {http: /healthz, port: 80, interval: 2s}
restart: always
)";

TEST(WorkloadFile, ShortFormsBecomeStructs) {
  const auto specs = parse_workload_file(kWeb);
  ASSERT_THAT(specs, IsOk());
  const auto& web = specs->at(0);
  EXPECT_EQ(web.topology, Topology::container);
  EXPECT_EQ(web.ports[1], (PortMapping{.host_ip = "127.0.0.1", .host_port = 53, .port = 53, .protocol = "udp"}));
  EXPECT_EQ(web.volumes[0].source, "data");
  EXPECT_EQ(web.volumes[1].type, "bind");
  EXPECT_TRUE(web.volumes[1].read_only);
  EXPECT_EQ(web.resources.memory->bytes, 128 << 20);
  EXPECT_EQ(web.restart.name, "always");
  EXPECT_EQ(web.env.variables[1].second, "3");
  EXPECT_EQ(from_json<WorkloadSpec>(to_json(web)).value(), web);
}

TEST(WorkloadFile, AVariableGivenTwiceHasItsLastValue) {
  const auto specs = parse_workload_file(R"({"image":"x","env":["A=1","B=2","A=3","B"]})");
  ASSERT_THAT(specs, IsOk());
  const std::vector<std::pair<std::string, std::optional<std::string>>> expected{{"A", "3"}, {"B", std::nullopt}};
  EXPECT_EQ(specs->at(0).env.variables, expected);
  EXPECT_EQ(from_json<WorkloadSpec>(to_json(specs->at(0))).value(), specs->at(0));
}

TEST(WorkloadFile, EveryErrorWithItsPath) {
  EXPECT_THAT(
      parse_workload_file("name: a b\nimage: x\nresources: {memory: 12Q, cpus: 0}\nports: ['x:80']\nhealth: {http: /a}\ntoplogy: vm\n"),
      ErrorIs(Code::invalid_argument,
              "name: \"a b\" is not a name (letters, digits, '_', '.', '-', at most 128, starting with a letter or digit)\n"
              "ports[0]: \"x:80\" is not a port ([hostIp:][hostPort:]port[/protocol])\n"
              "resources.cpus: must be above 0\n"
              "resources.memory: \"12Q\" is not a size\n"
              "health.port: is required for http and tcp\n"
              "toplogy: unknown field"));
}
TEST(WorkloadFile, SeveralWorkloadsAreNamedInErrors) {
  EXPECT_THAT(parse_workload_file("name: a\nimage: x\n---\nname: b\n"),
              ErrorIs(Code::invalid_argument, "workload 2 (b): image: is required"));
  EXPECT_EQ(parse_workload_file("workloads:\n- {name: a, image: x}\n- {name: b, image: x}\n").value().size(), 2u);
}
TEST(WorkloadFile, ControlCharactersInNamesAreRefusedAndNotEchoed) {
  const auto r = parse_workload_file("name: \"a\\x1b[31m\"\nimage: x\n");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().message.find('\x1b'), std::string::npos);
}
TEST(WorkloadFile, ContradictionsAreRefused) {
  EXPECT_THAT(parse_workload_file("image: x\nnetwork: none\nnetworks: [a]\n"),
              ErrorIs(Code::invalid_argument, "networks: cannot be joined"));
  EXPECT_THAT(parse_workload_file("image: x\nvolumes: ['a:/x', 'b:/x']\n"),
              ErrorIs(Code::invalid_argument, "volumes[1]: \"/x\" is mounted twice"));
  EXPECT_THAT(parse_workload_file("image: x\nautoRemove: true\nrestart: always\n"),
              ErrorIs(Code::invalid_argument, "autoRemove: excludes"));
}

/// The pages in docs/ are what the tables say. FULCRUM_WRITE_DOCS=1 writes them.
TEST(GeneratedPages, AreUpToDate) {
  const std::string folder = std::string(FULCRUM_SOURCE_DIR) + "/docs/generated/";
  const std::pair<std::string, std::string> pages[] = {
      {"workload.md",
       "# The workload file\n\nWhat `fulcrum apply`, `up` and `validate` read, in YAML or JSON.\n\n" + reference_page<WorkloadSpec>()},
      {"api.md", "# Resources of the native API\n\nWhat the calls of `docs/api.md` send and receive.\n\n" + reference_page<Workload>() +
                     reference_page<Volume>() + reference_page<Network>() + reference_page<StoredFile>() + reference_page<Event>() +
                     reference_page<ExecSpec>()},
  };
  for (const auto& [name, text] : pages) {
    if (std::getenv("FULCRUM_WRITE_DOCS") != nullptr) {
      ASSERT_OK(sys::write_file_atomic(folder + name, text));
    }
    EXPECT_THAT(sys::read_file(folder + name), testing::IsOkAndHolds(text)) << name;
  }
}

TEST(ShortForms, Ports) {
  for (const auto* text : {"80", "8080:80", "127.0.0.1:8080:80", "127.0.0.1::80", "[::1]:8080:80/udp", "8000-8009:80-89"})
    EXPECT_EQ(format_port(parse_port(text).value()), text);
  for (const auto* text :
       {"", "0", "x", "1:2:3:4:x", "8000-8001:80", ":80", "99999:80", "80/sctp", "[::1]80", "host:80:80", "[1.2.3:80:80"})
    EXPECT_THAT(parse_port(text), ErrorIs(Code::invalid_argument)) << text;
}
TEST(ShortForms, Mounts) {
  EXPECT_THAT(parse_volume("a:b"), ErrorIs(Code::invalid_argument, "not an absolute path"));
  EXPECT_THAT(parse_volume("a:/b:nonsense"), ErrorIs(Code::invalid_argument, "not a volume option"));
  EXPECT_FALSE(parse_mount("type=bind,source=/a,target=/b,readonly").value().create_source);
  EXPECT_THAT(parse_mount("type=bind,target=/b"), ErrorIs(Code::invalid_argument, "source is missing"));
  EXPECT_THAT(parse_mount("target=/b,colour=red"), ErrorIs(Code::invalid_argument, "not a mount option"));
  EXPECT_EQ(parse_tmpfs("/t:size=1m,mode=700,exec").value().options, std::vector<std::string>{"exec"});
}
TEST(ShortForms, Others) {
  EXPECT_EQ(parse_restart("on-failure:3").value().max_retries, 3u);
  EXPECT_THAT(parse_restart("always:3"), ErrorIs(Code::invalid_argument));
  EXPECT_EQ(parse_device("/dev/null:/dev/x:r").value().permissions, "r");
  EXPECT_THAT(parse_ulimit("nofile=10:5"), ErrorIs(Code::invalid_argument, "above the hard limit"));
  EXPECT_EQ(parse_file_reference("source=a,target=/x,mode=0400").value().mode, 0400u);
}
}  // namespace
}  // namespace fulcrum::api
