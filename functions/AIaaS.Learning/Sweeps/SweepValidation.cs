using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Sweeps;

/// <summary>Checks a sweep as far as that can be done without data.</summary>
public static class SweepValidation
{
    private const int MostTrials = 1000;
    private const int MostFolds = 20;
    private const string NeitherNor = "must give 'choices', or both 'minimum' and 'maximum'.";

    /// <summary>For what is checked before the data is known.</summary>
    private const int SomeRows = 1000;

    private static readonly IReadOnlyList<ITrainer> Registered = TrainerRegistry.Create(TimeProvider.System);

    /// <summary>Names that may stand in a pipeline's <c>trainers</c>.</summary>
    public static IReadOnlyList<string> Trainers { get; } = [.. Registered.Select(t => t.Name)];

    /// <summary>Those that a pipeline tries where it names none.</summary>
    public static IReadOnlyList<string> UsualTrainers => TrainerRegistry.Usual;

    /// <param name="plan">The pipeline's <c>sweep</c>.</param>
    /// <param name="trainers">The pipeline's <c>trainers</c>.</param>
    /// <param name="task">What is to be learned; null where the data will tell.</param>
    /// <returns>Null where nothing is wrong; else the field, such as <c>sweep.spaces.linear.l2</c>, and what it must be, to follow its name.</returns>
    public static (string Field, string Demand)? Check(SweepPlan plan, IReadOnlyList<string> trainers, LearningTask? task) =>
        Check(plan, trainers, task, Registered);

    internal static (string Field, string Demand)? Check(SweepPlan plan, IReadOnlyList<string> trainers, LearningTask? task, IReadOnlyList<ITrainer> registered)
    {
        if (plan.MaxTrials is < 1 or > MostTrials)
            return ("sweep.maxTrials", $"must be from 1 to {MostTrials}.");
        if (plan.MaxConcurrent < 1)
            return ("sweep.maxConcurrent", "must be at least 1.");
        if (plan.Timeout <= TimeSpan.Zero)
            return ("sweep.timeout", "must be longer than nothing, such as 1h.");
        if (plan.TrialTimeout <= TimeSpan.Zero)
            return ("sweep.trialTimeout", "must be longer than nothing, such as 10m.");
        if (plan.MaxCpuHours is { } hours && !(hours > 0 && double.IsFinite(hours)))
            return ("sweep.maxCpuHours", "must be above 0.");
        if (plan.Folds is < 1 or > MostFolds)
            return ("sweep.folds", $"must be from 1 to {MostFolds}.");
        var objectives = Metrics.For(task);
        if (plan.Objective is { } objective && objectives.All(o => o.Name != objective))
            return ("sweep.objective", $"must be one of {string.Join(", ", objectives.Select(o => o.Name))}.");
        return CheckTrainers(trainers, task, registered) ?? CheckSpaces(plan, trainers, task, registered);
    }

    /// <param name="field">How the space is called in messages.</param>
    /// <param name="space">Hyperparameter to what may be tried.</param>
    internal static (string Field, string Demand)? CheckSpace(string field, IReadOnlyDictionary<string, HyperparameterRange> space)
    {
        foreach (var (name, range) in space)
        {
            var at = $"{field}.{name}";
            if (CheckRange(range) is { } demand)
                return (at, demand);
            if (range.Default is { } initial && !Holds(range, initial))
                return ($"{at}.default", "must be one of the values that may be tried.");
            if (range.When is { } condition)
            {
                if (condition.Name is null || !space.TryGetValue(condition.Name, out var other))
                    return ($"{at}.when", $"must name another hyperparameter: {string.Join(", ", space.Keys.Where(k => k != name))}.");
                if (condition.Values?.Any(v => Holds(other, v)) is not true)
                    return ($"{at}.when", $"must give values that '{condition.Name}' can have.");
                if (IsCircular(space, name))
                    return ($"{at}.when", "must not depend on itself.");
            }
        }

        return null;
    }

    private static (string Field, string Demand)? CheckTrainers(IReadOnlyList<string> trainers, LearningTask? task, IReadOnlyList<ITrainer> registered)
    {
        if (trainers.Count == 0)
            return ("trainers", $"must name at least one of {string.Join(", ", registered.Select(t => t.Name))}.");
        foreach (var name in trainers)
        {
            if (registered.FirstOrDefault(t => t.Name == name) is not { } trainer)
                return ("trainers", $"names '{name}', which is no trainer: it must be one of {string.Join(", ", registered.Select(t => t.Name))}.");
            if (task is { } known && !trainer.Supports(known))
                return ("trainers", $"names '{name}', which does not do this task; for it choose from: {string.Join(", ", registered.Where(t => t.Supports(known)).Select(t => t.Name))}.");
        }

        return null;
    }

    private static (string Field, string Demand)? CheckSpaces(SweepPlan plan, IReadOnlyList<string> trainers, LearningTask? task, IReadOnlyList<ITrainer> registered)
    {
        foreach (var (name, asked) in plan.Spaces ?? new Dictionary<string, IReadOnlyDictionary<string, HyperparameterRange>>())
        {
            var field = $"sweep.spaces.{name}";
            if (!trainers.Contains(name))
                return (field, $"must be for one of the pipeline's trainers: {string.Join(", ", trainers)}.");
            if (asked is null)
                return (field, "must hold hyperparameters and what may be tried of them.");
            var trainer = registered.First(t => t.Name == name);
            var tasks = task is { } known ? [known] : Enum.GetValues<LearningTask>().Where(trainer.Supports);
            var own = tasks.Select(t => trainer.Space(t, SomeRows)).ToList();
            foreach (var (hyperparameter, range) in asked)
            {
                var at = $"{field}.{hyperparameter}";
                if (own.Find(s => s.ContainsKey(hyperparameter)) is not { } space)
                    return (at, $"is no hyperparameter of '{name}': it must be one of {string.Join(", ", own.SelectMany(s => s.Keys).Distinct())}.");
                if ((range is null ? NeitherNor : CheckKind(space[hyperparameter], range)) is { } demand)
                    return (at, demand);
            }

            var first = own.Select(s => CheckSpace(field, Merge(s, asked))).FirstOrDefault(e => e is not null);
            if (first is not null)
                return first;
        }

        return null;
    }

    /// <summary>The trainer's own space with what a plan says instead; what a plan leaves unsaid of a hyperparameter stays as it was.</summary>
    internal static IReadOnlyDictionary<string, HyperparameterRange> Merge(
        IReadOnlyDictionary<string, HyperparameterRange> own, IReadOnlyDictionary<string, HyperparameterRange>? asked)
    {
        if (asked is null)
            return own;
        var merged = own.ToDictionary(o => o.Key, o => asked.TryGetValue(o.Key, out var range) ? Merged(o.Value, range) : o.Value);
        // What the plan does not name, and leaves no value for which it would matter, is no part of the search.
        return merged.Where(m => asked.ContainsKey(m.Key) || m.Value.When is not { } condition || condition.Values.Any(v => Holds(merged[condition.Name], v))).ToDictionary();

        static HyperparameterRange Merged(HyperparameterRange own, HyperparameterRange asked)
        {
            if (asked.Choices is null && asked.Minimum is null && asked.Maximum is null)
                asked = asked with { Choices = own.Choices };
            var minimum = asked.Choices is null ? asked.Minimum ?? own.Minimum : asked.Minimum;
            var merged = asked with
            {
                Minimum = minimum,
                Maximum = asked.Choices is null ? asked.Maximum ?? own.Maximum : asked.Maximum,
                Integer = asked.Choices is null && (asked.Integer || own.Integer),
                // A bound of 0 has no logarithm: who asks for it cannot mean the trainer's scale.
                Scale = asked.Scale ?? (own.Scale is RangeScale.Log && minimum > 0 ? RangeScale.Log : RangeScale.Linear),
                When = asked.When ?? own.When,
            };
            return asked.Default is null && own.Default is { } initial && CheckRange(merged) is null && Holds(merged, initial)
                ? merged with { Default = initial }
                : merged;
        }
    }

    private static string? CheckRange(HyperparameterRange range)
    {
        if (range.Choices is { } choices)
        {
            return range.Minimum is not null || range.Maximum is not null ? "must give either 'choices' or 'minimum' and 'maximum'."
                : choices.Count == 0 ? "must give at least one choice."
                : choices.Any(c => c.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) ? "must not have null among its choices."
                : null;
        }

        if (range.Minimum is not { } minimum || range.Maximum is not { } maximum)
            return NeitherNor;
        return !double.IsFinite(minimum) || !double.IsFinite(maximum) || !double.IsFinite(maximum - minimum) ? "must have finite bounds."
            : minimum > maximum ? string.Create(CultureInfo.InvariantCulture, $"must not have a minimum ({minimum}) above its maximum ({maximum}).")
            : range.Integer && (minimum != Math.Floor(minimum) || maximum != Math.Floor(maximum)) ? "must have whole bounds, since its values are whole."
            : range.Scale is RangeScale.Log && minimum <= 0 ? "must have a minimum above 0 for a logarithmic scale."
            : null;
    }

    private static string? CheckKind(HyperparameterRange own, HyperparameterRange asked)
    {
        var kinds = (own.Choices?.Select(KindOf) ?? [JsonValueKind.Number]).ToHashSet();
        JsonElement[] values = [.. asked.Choices ?? [], .. asked.Default is { } initial ? [initial] : Array.Empty<JsonElement>()];
        var isNumber = asked.Minimum is not null || asked.Maximum is not null;
        var fits = (!isNumber || kinds.Contains(JsonValueKind.Number)) && values.All(v => kinds.Contains(KindOf(v)));
        if (!fits)
        {
            return own.Choices is { } choices
                ? $"must have values such as {string.Join(", ", choices.Select(c => c.GetRawText()))}."
                : "must have numbers for values.";
        }

        return own.Integer && values.Any(v => !v.TryGetInt32(out _)) ? "must have whole numbers for values." : null;

        static JsonValueKind KindOf(JsonElement value) => value.ValueKind is JsonValueKind.False ? JsonValueKind.True : value.ValueKind;
    }

    private static bool Holds(HyperparameterRange range, JsonElement value) => range.Choices is { } choices
        ? choices.Any(c => JsonElement.DeepEquals(c, value))
        : value.ValueKind is JsonValueKind.Number && value.TryGetDouble(out var number)
            && number >= range.Minimum && number <= range.Maximum && (!range.Integer || number == Math.Floor(number));

    private static bool IsCircular(IReadOnlyDictionary<string, HyperparameterRange> space, string name)
    {
        var at = name;
        for (var steps = 0; steps < space.Count; steps++)
        {
            if (space.GetValueOrDefault(at)?.When is not { } condition)
                return false;
            at = condition.Name;
        }

        return true;
    }
}
