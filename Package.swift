// swift-tools-version: 6.1
import PackageDescription

// Two programs, `extract` and `probe`, meet only in the token cache that Sources/Shared/TokenStore defines.
// Arrows between targets point one way: Command -> modules -> Shared -> C libraries.

/// A C library of the system, found through pkg-config.
func systemLibrary(_ name: String, pkgConfig: String, apt: String, brew: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/Shared/\(name)", pkgConfig: pkgConfig,
    providers: [.apt([apt]), .brew([brew])])
}

func shared(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/Shared/\(name)")
}

func extract(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/extract/\(name)")
}

func probe(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/probe/\(name)")
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: "\(name)Tests", dependencies: dependencies + ["TestSupport"])
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "PatchBank",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "extract", targets: ["extract"]),
    .executable(name: "probe", targets: ["probe"]),
    .library(name: "TokenStore", targets: ["TokenStore"]),
    .library(name: "Checkpoints", targets: ["Checkpoints"]),
    .library(name: "VisionTransformer", targets: ["VisionTransformer"]),
    .library(name: "Heads", targets: ["Heads"]),
    // What the package in Benchmarks/ measures besides; for nobody else.
    .library(
      name: "BenchmarkedModules",
      targets: [
        "CImageCodecs", "CKernels", "Compute", "Embedding", "Files", "Images", "LinearLayers", "Reporting",
        "Tensors",
      ]),
    // What the package in Fuzzing/ fuzzes; for nobody else.
    .library(name: "ReaderTrials", targets: ["ReaderTrials"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    // C libraries
    systemLibrary("CHDF5", pkgConfig: "hdf5", apt: "libhdf5-dev", brew: "hdf5"),
    systemLibrary("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev", brew: "openblas"),
    systemLibrary("CJPEG", pkgConfig: "libjpeg", apt: "libjpeg-dev", brew: "jpeg-turbo"),
    systemLibrary("CPNG", pkgConfig: "libpng", apt: "libpng-dev", brew: "libpng"),
    systemLibrary("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev", brew: "zlib"),
    systemLibrary("COpenSSL", pkgConfig: "libcrypto", apt: "libssl-dev", brew: "openssl@3"),
    systemLibrary("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev", brew: "curl"),
    .target(
      name: "CoDNN", path: "Sources/Shared/CoDNN",
      linkerSettings: [.linkedLibrary("dnnl"), .linkedLibrary("pthread", .when(platforms: [.linux]))]),
    .target(name: "CKernels", path: "Sources/Shared/CKernels"),
    .target(name: "CImageCodecs", dependencies: ["CJPEG", "CPNG"], path: "Sources/Shared/CImageCodecs"),
    .target(name: "CFigureRendering", path: "Sources/Shared/CFigureRendering"),

    // What both programs stand on
    shared("Files", ["COpenSSL"]),
    shared("Compute", ["CKernels", "COpenBLAS"]),
    shared("LinearLayers", ["CKernels", "CoDNN", "Compute", "Files"]),
    shared("Tensors", ["Compute", "Files"]),
    shared("TokenStore", ["CHDF5", "CZlib", "Compute", "Files"]),
    shared("Images", ["CImageCodecs", "CKernels", "Compute", "Files"]),
    shared("Reporting", ["CFigureRendering", "Files"]),
    shared("Overlays", ["Files", "Images", "Reporting"]),
    shared("Commands", ["CKernels", "Files", argumentParser]),

    // images + checkpoint -> token cache
    extract("VisionTransformer", ["CKernels", "Compute", "Files", "LinearLayers", "Tensors"]),
    extract("Checkpoints", ["CZlib", "Compute", "Files", "LinearLayers", "Tensors", "VisionTransformer"]),
    .target(
      name: "ModelHub", dependencies: ["CCurl", "Checkpoints", "Files", "Tensors"],
      path: "Sources/extract/ModelHub",
      resources: [.embedInCode("Names/timm-models.txt")]),
    extract(
      "Extraction",
      ["Checkpoints", "Compute", "Files", "Images", "Reporting", "TokenStore", "VisionTransformer"]),
    extract("CachePages", ["Compute", "Files", "Images", "Reporting", "TokenStore"]),
    .executableTarget(
      name: "extract",
      dependencies: [
        "CachePages", "Commands", "Compute", "Extraction", "Images", "LinearLayers", "ModelHub", "Reporting",
        "TokenStore",
        "VisionTransformer", argumentParser,
      ],
      path: "Sources/extract/Command"),

    // token cache -> heads, metrics, reports
    probe("Heads", ["CKernels", "Compute", "Tensors"]),
    probe("Evaluation", ["CKernels", "Compute", "Files"]),
    probe("Baselines", ["CKernels", "Compute", "Evaluation", "Files"]),
    probe("Embedding", ["CKernels", "Compute", "Files"]),
    probe("Reading", ["Compute", "Evaluation", "Files", "Heads", "TokenStore"]),
    probe(
      "Training",
      [
        "CKernels", "Compute", "Evaluation", "Files", "Heads", "Reading", "Reporting", "Tensors",
        "TokenStore",
      ]),
    probe(
      "Maps",
      [
        "Compute", "Evaluation", "Files", "Heads", "Images", "Overlays", "Reading", "Reporting", "TokenStore",
        "Training",
      ]),
    probe(
      "Reports",
      [
        "Compute", "Embedding", "Evaluation", "Files", "Heads", "Reading", "Reporting", "TokenStore",
        "Training",
      ]),
    .executableTarget(
      name: "probe",
      dependencies: [
        "Baselines", "Commands", "Compute", "Training", "Evaluation", "Heads", "Images", "Maps", "Overlays",
        "Reading", "Reporting", "Reports", "TokenStore", argumentParser,
      ],
      path: "Sources/probe/Command"),

    // The demo's data set, made from real handwritten digits
    .executableTarget(
      name: "cluttered-digits", dependencies: ["Compute", "Files", "Images", argumentParser],
      path: "tools/cluttered-digits", exclude: ["README.md"],
      resources: [.embedInCode("optdigits.txt")]),

    // Tests
    .target(
      name: "TestSupport", dependencies: ["CKernels", "Compute", "Files", "Tensors", "TokenStore"],
      path: "Tests/TestSupport"),
    .target(name: "ReaderTrials", dependencies: ["Checkpoints", "Files"], path: "Tests/ReaderTrials"),
    .executableTarget(
      name: "hostile-reader", dependencies: ["Files", "ReaderTrials"], path: "Tests/HostileReader"),
    tests("Files", ["Files"]),
    tests("Compute", ["CKernels", "Compute", "Tensors"]),
    tests("LinearLayers", ["Compute", "LinearLayers"]),
    tests("Tensors", ["Tensors"]),
    tests("TokenStore", ["CZlib", "TokenStore"]),
    tests("Reporting", ["Files", "Reporting"]),
    tests("Commands", ["Commands", "Files", "TokenStore", "extract"]),
    tests("VisionTransformer", ["CKernels", "LinearLayers", "VisionTransformer"]),
    tests("Checkpoints", ["Checkpoints", "CZlib", "ReaderTrials", "hostile-reader"]),
    tests("ModelHub", ["Files", "ModelHub", "Tensors", "TokenStore", "extract"]),
    tests("Images", ["CKernels", "Images", "Tensors"]),
    tests("Overlays", ["Images", "Overlays", "Reporting"]),
    tests("CachePages", ["CachePages", "Compute", "Files", "Images", "Reporting", "TokenStore"]),
    tests("Extraction", ["CImageCodecs", "Extraction", "extract"]),
    tests("Heads", ["CKernels", "Heads"]),
    tests("Evaluation", ["CKernels", "Compute", "Evaluation", "Tensors"]),
    tests("Baselines", ["Baselines", "CKernels", "Compute", "Evaluation", "Files", "Tensors"]),
    tests("Embedding", ["CKernels", "Compute", "Embedding", "Files", "Tensors"]),
    tests("ClutteredDigits", ["Compute", "Files", "Images", "cluttered-digits"]),
    tests("Reading", ["Evaluation", "Reading", "TokenStore"]),
    tests("Maps", ["Evaluation", "Files", "Images", "Maps", "Reading", "Reporting", "TokenStore", "probe"]),
    tests(
      "Reports",
      [
        "Compute", "Evaluation", "Files", "Heads", "Reading", "Reporting", "Reports", "TokenStore",
        "Training", "probe",
      ]),
    tests("Training", ["CKernels", "Tensors", "Training", "TokenStore", "probe"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c17
)
