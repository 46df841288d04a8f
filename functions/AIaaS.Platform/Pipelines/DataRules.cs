using System.Numerics;
using System.Text.Json;
using AIaaS.Data;
using AIaaS.Data.Expressions;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Pipelines;

/// <summary>Bounds on what a pipeline may ask of its data; whether the columns it names are there, the data itself tells.</summary>
internal static class DataRules
{
    private const int LongestColumn = 256;
    private const int LongestExpression = 4000;
    private const int LongestValue = 1000;
    private const int MostColumns = 1000;
    private const int MostDerived = 100;
    private const int MostSlices = 20;

    /// <exception cref="ProblemException">A value is out of bounds; the field is named.</exception>
    public static void Validate(WeightPlan plan)
    {
        if (plan.Column is not null)
        {
            Column(plan.Column, "weights.column");
        }
    }

    /// <exception cref="ProblemException">A value is out of bounds; the field is named.</exception>
    public static void Validate(EvaluationPlan plan)
    {
        Require(plan.Slices.Count <= MostSlices, "evaluate.slices", $"may name at most {MostSlices} columns.");
        foreach (var column in plan.Slices)
        {
            Column(column, "evaluate.slices");
        }
    }

    /// <exception cref="ProblemException">A value is out of bounds; the field is named.</exception>
    public static void Validate(EncodingPlan plan)
    {
        OneOf(plan.Numbers, FeatureEncoders.Of(ColumnKind.Number), "features.numbers");
        OneOf(plan.Categories, FeatureEncoders.Of(ColumnKind.Category), "features.categories");
        OneOf(plan.Dates, FeatureEncoders.Of(ColumnKind.Datetime), "features.dates");
        OneOf(plan.Texts, [FeatureEncoding.TfIdf, FeatureEncoding.Drop], "features.texts");
        Between(plan.MostTerms ?? 1, 1, 50_000, "features.mostTerms");
        Between(plan.TermWords ?? 1, 1, 3, "features.termWords");
        Require(plan.Components is null or (> 0 and < 1) or (>= 1 and <= 1000), "features.components", "must be above 0: below 1 the share of variance to keep, else a number of components up to 1000.");
        Require(plan.Components is not >= 1 || double.IsInteger(plan.Components.Value), "features.components", "must be a whole number, or below 1.");
        Require(plan.Components is null || plan.Numbers is not FeatureEncoding.Raw, "features.components", "cannot be had of raw numbers: they must be on one scale.");
        Columns([.. plan.Columns.Keys], "features.columns", mayBeEmpty: true);
    }

    /// <exception cref="ProblemException">A value is out of bounds; the field is named.</exception>
    public static void Validate(CleaningPlan plan)
    {
        Require(plan.Derive.Count <= MostDerived, "clean.derive", $"may make at most {MostDerived} columns.");
        foreach (var (column, expression) in plan.Derive)
        {
            Column(column, "clean.derive");
            Expression(expression, $"clean.derive.{column}");
        }

        if (plan.Filter is not null)
        {
            Expression(plan.Filter, "clean.filter");
        }

        Expressions(plan);
        Columns(plan.Text.Columns, "clean.text.columns");
        Share(plan.Missing.Above, "clean.missing.above");
        Columns(plan.Missing.Columns, "clean.missing.columns");
        var constant = plan.Missing.Action is MissingAction.Constant;
        Require(!constant || plan.Missing.Value is { Length: > 0 and <= LongestValue }, "clean.missing.value", $"must say what to fill in, in 1 to {LongestValue} characters.");
        Require(constant || plan.Missing.Value is null, "clean.missing.value", "is of use with 'action: constant' only.");
        if (plan.Rare is { } rare)
        {
            Share(rare.Below, "clean.rare.below");
            Require(rare.Into is { Length: > 0 and <= LongestValue }, "clean.rare.into", $"must be the name of a category, in 1 to {LongestValue} characters.");
            Columns(rare.Columns, "clean.rare.columns");
        }

        Columns(plan.Duplicates.Key, "clean.duplicates.key");
        Require(plan.Mask.Kinds.Distinct().Count() == plan.Mask.Kinds.Count, "clean.mask.kinds", "names a kind twice.");
        Columns(plan.Mask.Columns, "clean.mask.columns", mayBeEmpty: true);
        if (plan.Outliers is { } outliers)
        {
            Validate(outliers);
        }

        if (plan.Sample is { } sample)
        {
            Require(sample.Rows is null or > 0, "clean.sample.rows", "must be at least 1.");
            Require(sample.Share is > 0 and <= 1, "clean.sample.share", "must be above 0 and at most 1: the share of rows to keep.");
        }
    }

    /// <inheritdoc cref="Validate(CleaningPlan)"/>
    public static void Validate(ValidationPlan plan)
    {
        Between(plan.Psi, 0, 100, "validate.psi");
        Share(plan.Ks, "validate.ks");
        Share(plan.SuspiciousShare, "validate.suspiciousShare");
    }

    /// <inheritdoc cref="Validate(CleaningPlan)"/>
    public static void Validate(SplitPlan plan)
    {
        Require(plan.Holdout is >= 0.05 and <= 0.5, "split.holdout", "must be from 0.05 to 0.5: the share of rows the model is judged on.");
        Between(plan.Folds, 2, 20, "split.folds");
        Column(plan.Group, "split.group");
        Column(plan.Time, "split.time");
        Require(plan.Group is null || plan.Time is null, "split", "takes 'group' or 'time', not both.");
        Require(plan.Time is null || plan.Stratify is not true, "split.stratify", "cannot be had together with 'time': later rows have the classes they have.");
    }

    /// <summary>Checks a contract that somebody wrote.</summary>
    /// <exception cref="ProblemException">A value is out of bounds; the field is named.</exception>
    public static void Validate(DataContract contract)
    {
        Require(contract.SchemaVersion == 1, "schemaVersion", "must be 1; this version knows no other.");
        Require(contract.Columns.Count is > 0 and <= MostColumns * 10, "columns", $"must name 1 to {MostColumns * 10} columns.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < contract.Columns.Count; i++)
        {
            var (column, field) = (contract.Columns[i], $"columns[{i}]");
            Column(column.Name, $"{field}.name");
            Require(names.Add(column.Name), $"{field}.name", $"names '{column.Name}', as another column does.");
            Require(column.MaximumMissing is null or (>= 0 and <= 1), $"{field}.maximumMissing", "must be from 0 to 1: a share of the rows.");
            var (minimum, maximum) = (Bound(column.Minimum, $"{field}.minimum"), Bound(column.Maximum, $"{field}.maximum"));
            Require(minimum is null || maximum is null || minimum.GetType() == maximum.GetType(), $"{field}.maximum", "must be of the same type as 'minimum'.");
            Require(minimum is null || maximum is null || minimum.CompareTo(maximum) <= 0, $"{field}.maximum", "must not be below 'minimum'.");
            Require(column.AllowedValues is null or { Count: > 0 }, $"{field}.allowedValues", "must hold at least one value; leave it out to allow all.");
        }

        Columns(contract.UniqueKey, "uniqueKey");
        foreach (var key in contract.UniqueKey ?? [])
        {
            Require(names.Contains(key), "uniqueKey", $"names '{key}', which is none of 'columns'.");
        }
    }

    private static void Validate(OutlierPlan plan)
    {
        var forest = plan.Method is OutlierMethod.IsolationForest;
        Require(plan.Threshold is null || (double.IsFinite(plan.Threshold.Value) && plan.Threshold > 0), "clean.outliers.threshold", "must be above 0.");
        Require(!forest || plan.Threshold is null or < 1, "clean.outliers.threshold", "must be below 1: scores of an isolation forest are from 0 to 1.");
        Require(!forest || plan.Action is not OutlierAction.Clip, "clean.outliers.action", "cannot be 'clip' with 'isolation-forest', which judges whole rows: drop, quarantine or flag them.");
        Columns(plan.Columns, "clean.outliers.columns");
    }

    private static IComparable? Bound(JsonElement? bound, string field) => bound switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } number => number.GetDouble(),
        { ValueKind: JsonValueKind.String } text when text.TryGetDateTimeOffset(out var time) => time,
        _ => throw Refusal(field, "must be a number, or a time such as \"2026-01-31T08:00:00Z\"."),
    };

    private static void Expression(string? expression, string field)
        => Require(!string.IsNullOrWhiteSpace(expression) && expression.Length <= LongestExpression, field, $"must be an SQL expression of at most {LongestExpression} characters.");

    private static void Expressions(CleaningPlan plan)
    {
        try
        {
            PlanExpressions.Check(plan);
        }
        catch (DatasetException refused)
        {
            throw new ProblemException(Problem.InvalidValue, refused.Message) { Field = refused.Field };
        }
    }

    private static void Columns(IReadOnlyList<string>? columns, string field, bool mayBeEmpty = false)
    {
        if (columns is null)
        {
            return;
        }

        Require(mayBeEmpty || columns.Count > 0, field, "must name at least one column; leave it out for the default.");
        Require(columns.Count <= MostColumns, field, $"may name at most {MostColumns} columns.");
        foreach (var column in columns)
        {
            Require(column is { Length: > 0 and <= LongestColumn }, field, $"must hold names of columns, of 1 to {LongestColumn} characters.");
        }

        Require(columns.Distinct(StringComparer.Ordinal).Count() == columns.Count, field, "names a column twice.");
    }

    private static void Column(string? column, string field)
        => Require(column is null or { Length: > 0 and <= LongestColumn }, field, $"must be the name of a column, of 1 to {LongestColumn} characters.");

    private static void OneOf(FeatureEncoding? encoding, IReadOnlyList<FeatureEncoding> allowed, string field)
        => Require(
            encoding is not { } asked || allowed.Contains(asked),
            field,
            $"must be one of {string.Join(", ", allowed.Select(one => JsonSerializer.SerializeToElement(one, JsonDefaults.Options).GetString()))}.");

    private static void Share(double value, string field) => Between(value, 0, 1, field);

    private static void Between<T>(T value, T least, T most, string field)
        where T : INumber<T>
        => Require(value >= least && value <= most, field, FormattableString.Invariant($"must be from {least} to {most}."));

    private static void Require(bool condition, string field, string demand)
    {
        if (!condition)
        {
            throw Refusal(field, demand);
        }
    }

    private static ProblemException Refusal(string field, string demand) => new(Problem.InvalidValue, $"'{field}' {demand}") { Field = field };
}
