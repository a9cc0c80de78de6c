// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that nobody who depends on PatchBank builds its benchmarks.

/// Modules of PatchBank; those that users have no need of come in the product BenchmarkedModules.
func patchBank(_ product: String) -> Target.Dependency { .product(name: product, package: "PatchBank") }

let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "PatchBank", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
  ],
  targets: [
    .target(name: "CCeilings"),
    .executableTarget(
      name: "kernels",
      dependencies: [
        "CCeilings", patchBank("BenchmarkedModules"), patchBank("TokenStore"), patchBank("VisionTransformer"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "embedding",
      dependencies: [
        patchBank("BenchmarkedModules"), .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "reading",
      dependencies: [
        patchBank("BenchmarkedModules"), .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
