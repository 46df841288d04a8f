using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Trainers;

/// <summary>What large weights cost: <c>l1 · |weights| + l2 / 2 · |weights|²</c>, beside the sum of the rows' losses.</summary>
/// <param name="Kind">One of <see cref="Kinds"/>.</param>
/// <param name="L1">Strength of the absolute values (lasso), which makes weights 0.</param>
/// <param name="L2">Strength of the squares (ridge).</param>
internal sealed record LinearPenalty(string Kind, double L1, double L2)
{
    public const string Lasso = "l1";
    public const string Ridge = "l2";
    public const string ElasticNet = "elastic-net";

    public static IReadOnlyList<string> Kinds { get; } = [Ridge, Lasso, ElasticNet];

    /// <summary>The hyperparameters <c>l2</c>, <c>penalty</c> and <c>l1</c>, where each strength matters only for the penalties that have it.</summary>
    /// <param name="l2">Of the first trial.</param>
    public static IReadOnlyDictionary<string, HyperparameterRange> Space(double l2) => new Dictionary<string, HyperparameterRange>
    {
        ["l2"] = HyperparameterRange.LogUniform(1e-3, 1e3, l2) with { When = For(Ridge, ElasticNet) },
        ["penalty"] = HyperparameterRange.OneOf(Ridge, Lasso, ElasticNet),
        ["l1"] = HyperparameterRange.LogUniform(1e-2, 1e2, 1) with { When = For(Lasso, ElasticNet) },
    };

    /// <param name="given">A trial's hyperparameters.</param>
    /// <param name="l2">Where the trial gives none.</param>
    /// <exception cref="TrainingException">There is no such penalty, or a strength is below 0.</exception>
    public static LinearPenalty Of(Hyperparameters given, double l2)
    {
        var kind = given.Text("penalty", Ridge);
        if (!Kinds.Contains(kind))
            throw new TrainingException("A hyperparameter is out of range", $"'penalty' must be one of {string.Join(", ", Kinds)}, not {kind}.");
        return new(kind, kind == Ridge ? 0 : Strength(given, "l1", 1), kind == Lasso ? 0 : Strength(given, "l2", l2));
    }

    /// <summary>A hyperparameter that says how strongly something counts.</summary>
    /// <exception cref="TrainingException">It is below 0.</exception>
    public static double Strength(Hyperparameters given, string name, double absent) =>
        given.Number(name, absent) is >= 0 and var strength
            ? strength
            : throw new TrainingException("A hyperparameter is out of range", FormattableString.Invariant($"'{name}' must be 0 or more, not {given.Number(name, absent)}."));

    /// <summary>As a card tells it: only the strengths that matter.</summary>
    public IEnumerable<KeyValuePair<string, JsonElement>> Describe()
    {
        yield return new("penalty", Json(Kind));
        if (Kind != Lasso)
            yield return new("l2", Json(L2));
        if (Kind != Ridge)
            yield return new("l1", Json(L1));
    }

    private static HyperparameterCondition For(params string[] kinds) =>
        new("penalty", [.. kinds.Select(Json)]);

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
