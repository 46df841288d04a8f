namespace AIaaS.Data;

/// <summary>A data set that cannot be used; the message is for the person who sent it and says what to do.</summary>
/// <param name="reason">One of <see cref="DatasetReasons"/>, stable for programs.</param>
/// <param name="message">What is wrong and what to do.</param>
public sealed class DatasetException(string reason, string message) : Exception(message)
{
    public string Reason { get; } = reason;

    /// <summary>The field of the pipeline that is to be changed, such as <c>clean.filter</c>; null where it is not known to be one.</summary>
    public string? Field { get; init; }
}

/// <summary>Why a data set cannot be used.</summary>
public static class DatasetReasons
{
    public const string Empty = "empty";
    public const string Unreadable = "unreadable";
    public const string Binary = "binary";
    public const string UnsupportedFormat = "unsupported-format";
    public const string Malformed = "malformed";
    public const string TooLarge = "too-large";

    /// <summary>It can be prepared where there is more memory or disk.</summary>
    public const string NoRoom = "no-room";

    public const string NoRows = "no-rows";
    public const string NoFeatures = "no-features";
    public const string NoTarget = "no-target";
    public const string UnknownTarget = "unknown-target";
    public const string UnusableTarget = "unusable-target";
    public const string OneClass = "one-class";
    public const string TooFewRows = "too-few-rows";
    public const string UnknownColumn = "unknown-column";
    public const string UnusableStep = "unusable-step";
    public const string BadExpression = "bad-expression";
    public const string TooSlow = "too-slow";
}
