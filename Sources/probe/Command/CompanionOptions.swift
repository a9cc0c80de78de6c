import ArgumentParser
import Reading
import Training

/// Caches of other encoders that a trained head looks at besides its own.
struct CompanionOptions: ParsableArguments {
  @Option(
    name: .customLong("attention-from"),
    help: ArgumentHelp(
      "Cache of another encoder, of the same images, whose attention a dino head takes.", valueName: "cache"))
  var attentionPaths: [String] = []

  @Option(
    name: .customLong("beside"),
    help: ArgumentHelp(
      "Cache of the second encoder, of the same images, for a head that learned from two.", valueName: "cache"
    ))
  var besidePaths: [String] = []

  func caches(of trained: TrainedHead, _ options: ReadingOptions) throws -> CompanionCaches {
    CompanionCaches(
      attention: attentionPaths.isEmpty
        ? nil : try CacheSet(attentionPaths: attentionPaths, options: options),
      beside: besidePaths.isEmpty ? nil : try trained.beside(paths: besidePaths, reading: options))
  }
}
