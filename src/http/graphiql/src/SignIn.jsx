import { useState } from 'react';
import { config } from './config.js';
import { elsewhere, leave } from './oidc.js';
import { signIn } from './session.js';
import { texts } from './texts.js';

/** Sign-in at the company's issuer, or here. */
export function SignIn({ notice }) {
  return elsewhere ? <Elsewhere notice={notice} /> : <Here notice={notice} />;
}

/** Sign-in at an issuer: one leaves for it, and comes back. */
function Elsewhere({ notice }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);

  async function onSubmit(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await leave();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  }

  return (
    <main className="entry">
      <form className="card" onSubmit={onSubmit}>
        <h1>
          <Mark />
          Sésame
        </h1>
        <p className="subtitle">{texts.title}</p>
        {notice && !problem && <p className="notice">{notice}</p>}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <p>{texts.signInAt(new URL(config.oidc.issuer).host)}</p>
        <button type="submit" className="primary" disabled={busy} autoFocus>
          {busy ? texts.signingIn : texts.signIn}
        </button>
      </form>
      <FinePrint />
    </main>
  );
}

/** Sign-in by e-mail and password; in a demonstration, by one click on an account. */
function Here({ notice }) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);

  async function enter(address, secret) {
    setBusy(true);
    setProblem(null);
    try {
      await signIn(address, secret);
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  }

  function onSubmit(event) {
    event.preventDefault();
    enter(email.trim(), password);
  }

  return (
    <main className="entry">
      <form className="card" method="post" onSubmit={onSubmit}>
        <h1>
          <Mark />
          Sésame
        </h1>
        <p className="subtitle">{texts.title}</p>
        {notice && !problem && <p className="notice">{notice}</p>}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <label>
          {texts.email}
          <input
            type="email"
            name="email"
            autoComplete="username"
            required
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        </label>
        <label>
          {texts.password}
          <input
            type="password"
            name="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </label>
        <button type="submit" className="primary" disabled={busy}>
          {busy ? texts.signingIn : texts.signIn}
        </button>
        <DemoAccounts disabled={busy} onChoose={(address) => enter(address, config.demoPassword)} />
      </form>
      <FinePrint />
    </main>
  );
}

function FinePrint() {
  return (
    <a className="fine-print" href={new URL('LICENSES.txt', import.meta.url).pathname}>
      {texts.licences}
    </a>
  );
}

function DemoAccounts({ disabled, onChoose }) {
  if (config.demo.length === 0) return null;
  return (
    <fieldset className="demo" disabled={disabled}>
      <legend>{texts.demoTitle}</legend>
      {config.demo.map(({ email, label }) => (
        <button key={email} type="button" title={email} onClick={() => onChoose(email)}>
          <strong>{label}</strong>
          <span>{email}</span>
        </button>
      ))}
    </fieldset>
  );
}

export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <circle cx="16" cy="12.5" r="5" />
      <path d="M13.6 16h4.8l1.8 9.5h-8.4z" />
    </svg>
  );
}
