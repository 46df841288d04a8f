namespace AIaaS.Formats;

/// <summary>How raw columns become the numbers that a model learns from; what is null, each trainer chooses.</summary>
public sealed record EncodingPlan
{
    /// <summary>Of numbers and integers: <c>standard</c>, <c>min-max</c>, <c>robust</c>, <c>quantile</c>, <c>log</c> or <c>raw</c>.</summary>
    public FeatureEncoding? Numbers { get; init; }

    public Imputation? Missing { get; init; }

    /// <summary>Of categories: <c>one-hot</c>, <c>target</c>, <c>hash</c> or <c>code</c>.</summary>
    public FeatureEncoding? Categories { get; init; }

    /// <summary>Of times: <c>parts</c>, <c>cyclic</c>, or as numbers are.</summary>
    public FeatureEncoding? Dates { get; init; }

    /// <summary>Of texts: <c>tf-idf</c> or <c>drop</c>.</summary>
    public FeatureEncoding? Texts { get; init; }

    /// <summary>Terms that a text column is told by at most, the most frequent ones.</summary>
    public int? MostTerms { get; init; }

    /// <summary>Words of the longest term, 1 to 3.</summary>
    public int? TermWords { get; init; }

    /// <summary>Principal components instead of the features: 1 or more are that many, less than 1 is the share of variance to keep.</summary>
    public double? Components { get; init; }

    /// <summary>Encodings of single columns.</summary>
    public IReadOnlyDictionary<string, FeatureEncoding> Columns { get; init; } = new Dictionary<string, FeatureEncoding>();
}

/// <summary>How a column becomes numbers.</summary>
public enum FeatureEncoding
{
    /// <summary>Less the mean, by the standard deviation.</summary>
    Standard,

    /// <summary>From 0, the least value of the training rows, to 1, the greatest.</summary>
    MinMax,

    /// <summary>Less the median, by the distance of the quartiles.</summary>
    Robust,

    /// <summary>The share of training rows with a smaller value, 0 to 1.</summary>
    Quantile,

    /// <summary>The logarithm of 1 and the amount, with its sign, then <see cref="Standard"/>.</summary>
    Log,

    /// <summary>As it is.</summary>
    Raw,

    /// <summary>A number of 0 or 1 for each frequent category, one for others, one for missing.</summary>
    OneHot,

    /// <summary>What the target is on average for rows of the category.</summary>
    Target,

    /// <summary>A number of 0 or 1 for each of a fixed number of buckets.</summary>
    Hash,

    /// <summary>A number for each category, which trees and embeddings tell apart.</summary>
    Code,

    /// <summary>Year, month, day, weekday and hour, and the seconds.</summary>
    Parts,

    /// <summary>Sine and cosine of the time of year, week and day, and the seconds standardized.</summary>
    Cyclic,

    /// <summary>Frequencies of terms, by how rare they are.</summary>
    TfIdf,

    /// <summary>Not learned from.</summary>
    Drop,
}

/// <summary>What takes the place of missing numbers.</summary>
public enum Imputation
{
    Median,
    Mean,
    Zero,
}
