using AIaaS.Platform.Security;

namespace AIaaS.Functions.Requests;

/// <summary>The role that an HTTP function needs; the roles above it will do as well.</summary>
/// <remarks>An HTTP function that declares neither this nor <see cref="AnonymousAttribute"/> is refused to everyone.</remarks>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequiresRoleAttribute(Role role) : Attribute
{
    public Role Role { get; } = role;
}

/// <summary>Lets anyone call an HTTP function, which then reveals nothing or proves its caller by itself.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class AnonymousAttribute : Attribute;

/// <summary>What one request to an HTTP function may cost; the defaults hold for functions that do not declare it.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequestLimitsAttribute : Attribute
{
    public const long DefaultMaxBodyBytes = 1024 * 1024;
    public const int DefaultTimeoutSeconds = 30;

    public long MaxBodyBytes { get; set; } = DefaultMaxBodyBytes;

    /// <summary>After this <c>HttpContext.RequestAborted</c> is cancelled and the caller gets 504; 0 for no such end, as event streams need.</summary>
    public int TimeoutSeconds { get; set; } = DefaultTimeoutSeconds;
}
