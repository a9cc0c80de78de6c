import Compute
import Files
import Tensors

/// The weights of an encoder under its own names, found in a checkpoint by the rules of its dialect. No bytes are read
/// before a weight is loaded.
struct EncoderWeights {
  struct Weight {
    let value: StateDictionary.Weight
    /// The keys that it is made of, as the file has them; none for a constant.
    let keys: [String]
    /// For messages.
    var keysInWords: String { EncoderWeights.inWords(keys) }
  }

  private static func inWords(_ keys: [String]) -> String {
    let first = shortened(keys.first ?? "a constant")
    return keys.count > 1 ? "\(first) with \(keys.count - 1) more" : first
  }

  let dialect: Dialect
  let place: EncoderPlace
  private(set) var weights: [String: Weight] = [:]
  /// Every key of the state dict and its fate, in the order of their names.
  private(set) var keys: [CheckpointKey] = []
  /// Keys, as the file would have them, without which others are of no use.
  private(set) var missing: [String] = []
  /// What does not fit together or is no tensor, a few words each.
  private(set) var faults: [String] = []

  /// Tells whose names the weights have, and finds the encoder among them.
  static func found(
    in dictionary: StateDictionary, isSimMIM: Bool, path: String
  ) throws(InputError) -> EncoderWeights {
    let (dialect, place) = try Dialect.recognize(dictionary, isSimMIM: isSimMIM, path: path)
    return try EncoderWeights(dictionary, dialect, at: place, path: path)
  }

  /// What was recognised, for the user.
  var recognition: String {
    "the weights have the names of \(dialect.name)"
      + (place.prefix.isEmpty ? "" : ", with \(shortened(place.prefix)) in front of the encoder's")
  }

  /// The rotary periods that are stored.
  func rotaryPeriods() throws(InputError) -> [Float]? {
    guard let weight = weights[WeightDimensions.periods], weight.value.elementType?.isFloatingPoint == true
    else {
      return nil
    }
    return try weight.value.load().floats()
  }

  /// - Throws: ``InputError`` where two keys are the same weight.
  init(
    _ dictionary: StateDictionary, _ dialect: Dialect, at place: EncoderPlace, path: String
  ) throws(InputError) {
    self.dialect = dialect
    self.place = place
    var parts: [String: TargetParts] = [:]
    for (name, entry) in dictionary.entries.sorted(by: { $0.key < $1.key }) {
      let words = name.split(separator: ".")[...]
      let isInside = name.hasPrefix(place.prefix)
      let local = isInside ? words.dropFirst(place.prefixWordCount) : words
      if let use = dialect.use(of: local, isInside: isInside) {
        let target = use.rule.target.name(use.wildcards)
        try parts[target, default: TargetParts(use)].add(name, use, target: target, path: path)
        record(name, entry, .used, target: target)
      } else if !isInside {
        record(name, entry, .dropped, reason: Self.reasonBeside(words))
      } else if let reason = dialect.reasonToDrop(local) {
        record(name, entry, .dropped, reason: reason)
      } else if case .other(let what) = entry, local.count == 1 {
        record(name, entry, .dropped, reason: "no weight but \(what)")
      } else {
        record(name, entry, .leftOver)
      }
    }
    for (target, parts) in parts.sorted(by: { $0.key < $1.key }) { assemble(target, parts, dictionary) }
    addConstants()
  }

  private mutating func record(
    _ name: String, _ entry: StateDictionary.Entry, _ fate: CheckpointKey.Fate, target: String? = nil,
    reason: String? = nil
  ) {
    let (shape, type): ([Int]?, String) =
      switch entry {
      case .weight(let weight): (weight.shape, weight.typeName)
      case .other(let what): (nil, what)
      }
    keys.append(CheckpointKey(key: name, shape: shape, type: type, fate: fate, name: target, reason: reason))
  }

  /// Why a key that does not belong to the encoder is not used, told by the first of these words in it.
  private static func reasonBeside(_ words: ArraySlice<Substring>) -> String {
    let reasons: [Substring: String] = [
      "decoder": "part of the decoder", "predictor": "part of the predictor",
      "student": "part of the student",
      "momentum_encoder": "part of the momentum encoder", "head": "part of the head",
      "dino_head": "part of the head", "ibot_head": "part of the head", "classifier": "part of the head",
      "transformer": "part of the text tower", "text_model": "part of the text tower",
      "text": "part of the text tower", "token_embedding": "part of the text tower",
      "positional_embedding": "part of the text tower", "ln_final": "part of the text tower",
      "text_projection": "part of the text tower", "logit_scale": "the scale of similarities to texts",
      "logit_bias": "the scale of similarities to texts",
    ]
    return words.lazy.compactMap { reasons[$0] }.first ?? "beside the encoder"
  }

  /// Weights that are no part of the file, as long as a token is.
  private mutating func addConstants() {
    guard let width = weights["patch_embed.proj.weight"]?.value.shape.first, 1...(1 << 24) ~= width else {
      return
    }
    for (name, value) in dialect.constants where weights[name] == nil {
      weights[name] = Weight(
        value: StateDictionary.Weight(shape: [width], elementType: .float32, typeName: "float32") {
          () throws(InputError) in Tensor([Float](repeating: value, count: width), shape: [width])
        }, keys: [])
    }
  }

  private mutating func assemble(_ target: String, _ parts: TargetParts, _ dictionary: StateDictionary) {
    let rule = parts.use.rule
    let isBias = target.hasSuffix("bias")
    var pieces: [StateDictionary.Weight?] = []
    for (index, source) in rule.sources.enumerated() {
      switch parts.keys[index].flatMap({ dictionary.entries[$0] }) {
      case .weight(let weight): pieces.append(weight)
      case .other(let what):
        faults.append("\(shortened(parts.keys[index] ?? "")) is \(shortened(what))")
        return
      case nil where source.absence == .leftOut: break
      case nil where source.absence == .zeros && isBias: pieces.append(nil)
      case nil:
        missing.append(place.prefix + source.pattern.name(parts.use.wildcards))
        return
      }
    }
    let keys = parts.keys.sorted { $0.key < $1.key }.map(\.value)
    do throws(WeightAssembly.Misfit) {
      weights[target] = Weight(value: try WeightAssembly.make(rule.form, of: pieces), keys: keys)
    } catch {
      faults.append("\(Self.inWords(keys)): \(error.reason)")
    }
  }
}

/// What a rule makes of a key.
private struct RuleUse {
  let rule: WeightRule
  /// The rule's place in its dialect's list, those for weights beside the encoder last.
  let ruleIndex: Int
  /// As which of the rule's sources.
  let source: Int
  let wildcards: KeyPattern.Wildcards
}

/// The keys of which one weight is made.
private struct TargetParts {
  /// Of the first key that was found.
  let use: RuleUse
  /// By their places among the rule's sources.
  private(set) var keys: [Int: String] = [:]

  init(_ use: RuleUse) { self.use = use }

  mutating func add(_ key: String, _ use: RuleUse, target: String, path: String) throws(InputError) {
    guard use.ruleIndex == self.use.ruleIndex, keys[use.source] == nil else {
      let other = keys[use.source] ?? keys.values.min() ?? ""
      throw InputError(
        path, "holds \(shortened(target)) twice: as \(shortened(other)) and as \(shortened(key))",
        remedy: "name one of the models in the file with --checkpoint-key")
    }
    keys[use.source] = key
  }
}

extension Dialect {
  /// How a name is used, which is one within the encoder or a whole one beside it.
  fileprivate func use(of name: ArraySlice<Substring>, isInside: Bool) -> RuleUse? {
    for (index, rule) in (isInside ? rules : outerRules).enumerated() {
      for (source, candidate) in rule.sources.enumerated() {
        guard let wildcards = candidate.pattern.match(name) else { continue }
        return RuleUse(
          rule: rule, ruleIndex: isInside ? index : rules.count + index, source: source, wildcards: wildcards)
      }
    }
    return nil
  }

  fileprivate func reasonToDrop(_ name: ArraySlice<Substring>) -> String? {
    dropped.first { $0.patterns.contains { $0.match(name) != nil } }?.reason
  }

  /// What the file calls a weight of the encoder, where it is not there: by the first rule that makes it.
  func fileName(of target: String, at place: EncoderPlace) -> String {
    for rule in rules {
      guard let wildcards = rule.target.match(target), let source = rule.sources.first else { continue }
      return place.prefix + source.pattern.name(wildcards)
    }
    return target
  }
}
