import ArgumentParser
import Heads
import Training

/// The heads of a sweep: every combination of what is listed, as far as a head has a use for it.
struct SweepHeadOptions: ParsableArguments {
  @Option(
    name: .customLong("cls-features"),
    help: ArgumentHelp("What the classifiers see, several with commas between them.", valueName: "list"))
  var features = ListArgument([FeaturesArgument(.cls)])

  @Option(name: .customLong("abmilp-depth"), help: ArgumentHelp("As of train.", valueName: "list"))
  var depths = ListArgument([2])

  @Option(name: .customLong("abmilp-act"), help: ArgumentHelp("As of train.", valueName: "list"))
  var activations = ListArgument([AbMILPDescription.Activation.tanh])

  @Option(name: .customLong("abmilp-content"), help: ArgumentHelp("As of train.", valueName: "list"))
  var contents = ListArgument([TokenContent.all])

  @Option(name: .customLong("abmilp-cond"), help: ArgumentHelp("As of train.", valueName: "list"))
  var conditions = ListArgument([AbMILPDescription.Condition.none])

  @Option(name: .customLong("abmilp-sa"), help: ArgumentHelp("As of train.", valueName: "list"))
  var selfAttentions = ListArgument([AbMILPDescription.SelfAttention.none])

  @Option(name: .customLong("ep-queries"), help: ArgumentHelp("As of train.", valueName: "list"))
  var queries: ListArgument<Int>?

  @Option(name: .customLong("d-out"), help: ArgumentHelp("As of train.", valueName: "list"))
  var outputDivisors: ListArgument<Int>?

  @Option(name: .customLong("num-heads"), help: ArgumentHelp("As of train.", valueName: "list"))
  var headCounts: ListArgument<Int>?

  func validate() throws { for settings in combinations { try settings.validate() } }

  /// Heads that are the same but for what they have no use for are one.
  var descriptions: [HeadDescription] {
    var heads: [HeadDescription] = []
    for argument in features.elements {
      for settings in combinations {
        let head = settings.description(argument)
        if !heads.contains(head) { heads.append(head) }
      }
    }
    return heads
  }

  private var combinations: [HeadSettings] {
    var all = [HeadSettings()]
    func vary<Value>(_ path: WritableKeyPath<HeadSettings, Value>, _ values: [Value]) {
      all = all.flatMap { settings in
        values.map { value in
          var settings = settings
          settings[keyPath: path] = value
          return settings
        }
      }
    }
    func varyWhereGiven<Value>(
      _ path: WritableKeyPath<HeadSettings, Value?>, _ list: ListArgument<Value>?
    ) {
      guard let list else { return }
      vary(path, list.elements.map(Optional.some))
    }
    vary(\.depth, depths.elements)
    vary(\.activation, activations.elements)
    vary(\.content, contents.elements)
    vary(\.condition, conditions.elements)
    vary(\.selfAttention, selfAttentions.elements)
    varyWhereGiven(\.queries, queries)
    varyWhereGiven(\.outputDivisor, outputDivisors)
    varyWhereGiven(\.heads, headCounts)
    return all
  }
}
