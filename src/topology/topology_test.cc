#include "topology/topology.h"

#include <cstdlib>

#include "base/sys.h"
#include "base/testing.h"
#include "sandbox/fake/fake_sandbox.h"

namespace fulcrum::topology {
namespace {

using testing::ErrorIs;

class TopologiesTest : public ::testing::Test {
 protected:
  testing::TemporaryDirectory dir_;
  sandbox::FakeMachine machine_{dir_.path()};
  sandbox::FakeSandbox sandbox_{machine_};
  Topologies topologies_{sandbox_};
  api::WorkloadSpec spec_{.name = "a", .image = "x"};
};

TEST_F(TopologiesTest, AContainerTakesAnImage) { EXPECT_OK(topologies_.check(spec_)); }

TEST_F(TopologiesTest, OthersAreRefusedByName) {
  for (const auto kind : {api::Topology::vm, api::Topology::thin_vm, api::Topology::vm_container, api::Topology::caas,
                          api::Topology::on_demand, api::Topology::serverless}) {
    spec_.topology = kind;
    EXPECT_THAT(topologies_.check(spec_), ErrorIs(Code::unimplemented, "nearest: container"));
  }
}

TEST_F(TopologiesTest, RefusesEveryFieldThatItWouldIgnore) {
  spec_.disk = "d.qcow2";
  spec_.replicas = 2;
  const auto checked = topologies_.check(spec_);
  ASSERT_THAT(checked, ErrorIs(Code::unimplemented, "disk: a container has no disk of its own; nearest: vm"));
  EXPECT_THAT(checked.error().message, ::testing::HasSubstr("replicas: "));
}

TEST_F(TopologiesTest, TellsClientsInJson) {
  EXPECT_THAT(topologies_.capabilities_json(), ::testing::HasSubstr(R"("name":"container","available":true)"));
}

/// The page in docs/ is what the table says. FULCRUM_WRITE_DOCS=1 writes it.
TEST(CapabilitiesPage, IsUpToDate) {
  const std::string path = std::string(FULCRUM_SOURCE_DIR) + "/docs/generated/capabilities.md";
  if (std::getenv("FULCRUM_WRITE_DOCS") != nullptr) {
    ASSERT_OK(sys::make_directories(std::string(FULCRUM_SOURCE_DIR) + "/docs/generated"));
    ASSERT_OK(sys::write_file_atomic(path, capabilities_page()));
  }
  EXPECT_THAT(sys::read_file(path), testing::IsOkAndHolds(capabilities_page()));
}

}  // namespace
}  // namespace fulcrum::topology
