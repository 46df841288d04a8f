using AIaaS.Formats;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Features;

/// <summary>The encoders of a run: what the pipeline asks for, and for the rest what a trainer wants.</summary>
public static class FeatureEncoders
{
    private static readonly FeatureEncoding[] OfNumbers =
        [FeatureEncoding.Standard, FeatureEncoding.MinMax, FeatureEncoding.Robust, FeatureEncoding.Quantile, FeatureEncoding.Log, FeatureEncoding.Raw];

    private static readonly FeatureEncoding[] OfCategories = [FeatureEncoding.OneHot, FeatureEncoding.Target, FeatureEncoding.Hash, FeatureEncoding.Code];

    /// <summary>What trees want: values as they are, and texts by the terms that tell most.</summary>
    internal static IReadOnlyList<IFeatureEncoder> OfTrees { get; } =
    [
        new DateEncoder(cyclic: false),
        new RawNumberEncoder(),
        new TargetEncoder(OrdinalEncoder.MostCategories),
        new OrdinalEncoder(),
        new TextEncoder { MostTerms = 300, ByTarget = true },
    ];

    /// <summary>What linear models want: numbers on one scale, a number for each category and each term.</summary>
    internal static IReadOnlyList<IFeatureEncoder> OfLinearModels { get; } =
        [new DateEncoder(cyclic: true), new NumberEncoder(), new TargetEncoder(CategoryEncoder.MostCategories), new CategoryEncoder(), new TextEncoder()];

    /// <summary>Encodings that columns of a kind can have, by the pipeline's field that names one for all of them.</summary>
    public static IReadOnlyList<FeatureEncoding> Of(ColumnKind kind) => kind switch
    {
        ColumnKind.Number or ColumnKind.Integer => [.. OfNumbers, FeatureEncoding.Drop],
        ColumnKind.Boolean => [FeatureEncoding.Standard, FeatureEncoding.Raw, FeatureEncoding.Drop],
        ColumnKind.Category => [.. OfCategories, FeatureEncoding.TfIdf, FeatureEncoding.Drop],
        ColumnKind.Datetime => [FeatureEncoding.Parts, FeatureEncoding.Cyclic, .. OfNumbers, FeatureEncoding.Drop],
        ColumnKind.Text => [FeatureEncoding.TfIdf, FeatureEncoding.Hash, FeatureEncoding.Drop],
        _ => [FeatureEncoding.Drop],
    };

    /// <summary>What a pipeline asks for a column; null where that is left to trainers.</summary>
    internal static FeatureEncoding? Asked(EncodingPlan plan, DataColumn column) =>
        plan.Columns.TryGetValue(column.Name, out var own) ? own : column.Kind switch
        {
            ColumnKind.Number or ColumnKind.Integer => plan.Numbers,
            ColumnKind.Category => plan.Categories,
            ColumnKind.Datetime => plan.Dates,
            ColumnKind.Text => plan.Texts,
            _ => null,
        };

    /// <param name="plan">What the pipeline asks for.</param>
    /// <param name="trainer">Who is to learn from the features.</param>
    /// <param name="hyperparameters">Of the trial.</param>
    /// <returns>Encoders, of which the first that accepts a column gets it.</returns>
    internal static IReadOnlyList<IFeatureEncoder> For(EncodingPlan plan, ITrainer trainer, Hyperparameters hyperparameters)
    {
        var own = trainer.Encoders(hyperparameters);
        var asked = plan.Columns.GroupBy(column => column.Value, column => column.Key)
            .Select(columns => new ChosenEncoder(Create(columns.Key), column => columns.Contains(column.Name, StringComparer.Ordinal))).ToList<IFeatureEncoder>();
        if (plan.Numbers is not null || plan.Missing is not null || plan.Components is not null)
            asked.Add(new ChosenEncoder(Create(plan.Numbers ?? FeatureEncoding.Standard), column => column.Kind is ColumnKind.Number or ColumnKind.Integer));
        if (plan.Components is not null)
        {
            // Components are of numbers that are all there, and on one scale.
            asked.Add(new ChosenEncoder(Create(FeatureEncoding.Standard), column => column.Kind is ColumnKind.Boolean));
            asked.Add(new ChosenEncoder(Create(plan.Dates ?? FeatureEncoding.Cyclic), column => column.Kind is ColumnKind.Datetime));
        }

        if (plan.Categories is { } categories)
            asked.Add(new ChosenEncoder(Create(categories), column => column.Kind is ColumnKind.Category));
        if (plan.Dates is { } dates)
            asked.Add(new ChosenEncoder(Create(dates), column => column.Kind is ColumnKind.Datetime));
        return [.. asked, .. own.Select(encoder => encoder is TextEncoder texts ? Adapt(texts) : encoder)];

        IFeatureEncoder Create(FeatureEncoding encoding) => encoding switch
        {
            FeatureEncoding.Raw => new RawNumberEncoder(),
            FeatureEncoding.OneHot => new CategoryEncoder(),
            FeatureEncoding.Target => new TargetEncoder(),
            FeatureEncoding.Hash => new HashEncoder(),
            FeatureEncoding.Code => new OrdinalEncoder(),
            FeatureEncoding.Parts => new DateEncoder(cyclic: false),
            FeatureEncoding.Cyclic => new DateEncoder(cyclic: true),
            FeatureEncoding.TfIdf => Adapt(own.OfType<TextEncoder>().FirstOrDefault() ?? new TextEncoder()),
            _ => new NumberEncoder(encoding, plan.Missing ?? Imputation.Median),
        };

        TextEncoder Adapt(TextEncoder texts) => new()
        {
            MostTerms = plan.MostTerms ?? texts.MostTerms,
            TermWords = plan.TermWords ?? texts.TermWords,
            ByTarget = texts.ByTarget,
        };
    }

    /// <summary>An encoder for the columns that somebody chose it for.</summary>
    private sealed class ChosenEncoder(IFeatureEncoder encoder, Func<FeatureColumn, bool> accepts) : IFeatureEncoder
    {
        public bool Accepts(FeatureColumn column) => accepts(column);

        public IFittedEncoder Fit(IReadOnlyList<FeatureColumn> columns, EncoderContext context) => encoder.Fit(columns, context);
    }
}
