using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Security;

/// <summary>Who sends a request.</summary>
/// <param name="Tenant">Whose data it works on.</param>
/// <param name="Role">What it may do there.</param>
/// <param name="Subject">Names the key (<c>key:{id}</c>) or the person (<c>user:{object id}</c>); never a secret.</param>
public sealed record Caller(string Tenant, Role Role, string Subject)
{
    /// <summary>The tenant of those who run the platform, and of everyone where there is only one.</summary>
    public const string DefaultTenant = "default";

    /// <summary>Admins of the default tenant also manage the keys of all others.</summary>
    public bool IsPlatformAdmin => Role == Role.Admin && Tenant == DefaultTenant;

    public bool MayActAs(Role needed) => Role >= needed;

    /// <summary>The tenant that a request names, if this caller may name it.</summary>
    /// <param name="requested">As the caller wrote it; null for its own.</param>
    /// <exception cref="ProblemException">It is no tenant's name, or another's tenant.</exception>
    public string RequireTenant(string? requested)
    {
        if (requested is null || requested == Tenant)
        {
            return Tenant;
        }

        return IsPlatformAdmin
            ? Names.Require(requested, "tenant")
            : throw new ProblemException(Problem.Forbidden, "Only an admin of the default tenant may name another tenant. Leave 'tenant' out for your own.") { Field = "tenant" };
    }
}

public static class CallerExtensions
{
    /// <summary>Who sends this request.</summary>
    /// <exception cref="InvalidOperationException">The request was let in anonymously.</exception>
    public static Caller GetCaller(this HttpContext context)
        => context.Features.Get<Caller>() ?? throw new InvalidOperationException("An anonymous request has no caller.");

    public static void SetCaller(this HttpContext context, Caller caller) => context.Features.Set(caller);
}
