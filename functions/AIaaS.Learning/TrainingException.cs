using AIaaS.Formats;

namespace AIaaS.Learning;

/// <summary>Training cannot go on with this data or these parameters; the message is for the user.</summary>
public sealed class TrainingException(string title, string detail) : Exception(detail)
{
    public string Title { get; } = title;

    /// <summary>For <see cref="JobResult.Error"/>.</summary>
    public ErrorDetail Error => new(Title, Message);
}
