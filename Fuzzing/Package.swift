// swift-tools-version: 6.1
import PackageDescription

// A package of its own, as libFuzzer instruments all that it is built with: swift build --sanitize fuzzer, in tools/fuzz.

let package = Package(
  name: "Fuzzing",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "PatchBank", path: "..")],
  targets: [
    .executableTarget(name: "fuzz", dependencies: [.product(name: "ReaderTrials", package: "PatchBank")])
  ],
  swiftLanguageModes: [.v6]
)
