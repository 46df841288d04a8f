namespace AIaaS.Functions.Requests;

/// <summary>One answer that an HTTP function gives when all goes well, for the API's description; refusals are described for all functions at once.</summary>
/// <param name="status">Its HTTP status.</param>
/// <param name="body">The record that is written as JSON; null for no body, or one that is not JSON.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class AnswersAttribute(int status, Type? body = null) : Attribute
{
    public int Status { get; } = status;

    public Type? Body { get; } = body;

    /// <summary>Content types beside or instead of JSON, separated by commas.</summary>
    public string? ContentType { get; init; }

    /// <summary>Whether the body is a page of these records, chosen by <c>?limit=&amp;continuation=</c>.</summary>
    public bool List { get; init; }

    /// <summary>Whether it carries the version as <c>ETag</c>, so that the conditional headers of the method are honoured.</summary>
    public bool ETag { get; init; }

    /// <summary>Whether <c>Location</c> says where to look next.</summary>
    public bool Location { get; init; }

    /// <summary>What this answer means; null for what its status means everywhere.</summary>
    public string? Description { get; init; }

    /// <summary>A body as it may come.</summary>
    public string? Example { get; init; }
}

/// <summary>One path of a function's route, read by <c>GET</c>, at which it answers something else than at all others.</summary>
/// <param name="path">The path without variables, as a route writes it.</param>
/// <param name="operation">What the API's description calls it.</param>
/// <param name="summary">What it does.</param>
/// <param name="body">The record that is written as JSON.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AnswersAtAttribute(string path, string operation, string summary, Type body) : Attribute
{
    public string Path { get; } = path;

    public string Operation { get; } = operation;

    public string Summary { get; } = summary;

    public Type Body { get; } = body;
}

/// <summary>The body that an HTTP function takes, for the API's description.</summary>
/// <param name="body">The record that is read from JSON; null for a body that is not JSON, or no body.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TakesAttribute(Type? body = null) : Attribute
{
    public Type? Body { get; } = body;

    /// <summary>Content types beside or instead of JSON, separated by commas.</summary>
    public string? ContentTypes { get; init; }

    public bool Optional { get; init; }

    /// <summary>Whether <c>Idempotency-Key</c> is honoured.</summary>
    public bool IdempotencyKey { get; init; }

    /// <summary>Whether <c>If-Match</c> is honoured although the function answers without an ETag, as a <c>DELETE</c> does.</summary>
    public bool Conditions { get; init; }

    /// <summary>A body as it may be sent.</summary>
    public string? Example { get; init; }
}

/// <summary>A query parameter that an HTTP function takes, for the API's description.</summary>
/// <param name="name">As it is written in the URL.</param>
/// <param name="description">What it does, and what holds without it.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class TakesQueryAttribute(string name, string description) : Attribute
{
    public string Name { get; } = name;

    public string Description { get; } = description;

    public Type Type { get; init; } = typeof(string);

    /// <summary>The only values, separated by commas; null where there is no such list.</summary>
    public string? Values { get; init; }
}

/// <summary>A request header that an HTTP function honours, for the API's description.</summary>
/// <param name="name">Its name.</param>
/// <param name="description">What it does.</param>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class TakesHeaderAttribute(string name, string description) : Attribute
{
    public string Name { get; } = name;

    public string Description { get; } = description;
}
