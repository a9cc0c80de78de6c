import ArgumentParser
import Files
import Images

extension Augmentation.Name: ExpressibleByArgument {}

/// Which views of each image are stored.
struct ViewOptions: ParsableArguments {
  @Option(help: "Views of each image to store.")
  var views = 1

  @Option(help: "What views show: none, the centre crop; linprobe, random resized crops and mirroring.")
  var augmentation: Augmentation.Name = .none

  @Option(help: "Seed of random views.")
  var seed: UInt64 = 0

  @Flag(help: "Make view 0 the centre crop, which heads are measured on.")
  var centerView = false

  func validate() throws {
    do { _ = try storedViews() } catch { throw ValidationError("\(error)") }
  }

  func storedViews() throws(InputError) -> Augmentation {
    try Augmentation(augmentation, viewCount: views, seed: seed, hasCenterView: centerView)
  }
}
