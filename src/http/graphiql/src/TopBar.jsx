import { useEffect, useState } from 'react';
import { config } from './config.js';
import { signIn, signOut, viewer } from './session.js';
import { Mark } from './SignIn.jsx';
import { texts } from './texts.js';

/** Who is signed in, with which roles, and the way out. */
export function TopBar({ session }) {
  const [person, setPerson] = useState(null);
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    let stale = false;
    setPerson(null);
    const show = (answer) => stale || setPerson(answer);
    viewer().then(show, (error) => stale || setProblem(error.message));
    return () => {
      stale = true;
    };
  }, [session.id]);

  async function become(email) {
    setBusy(true);
    setProblem(null);
    try {
      await signIn(email, config.demoPassword);
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  }

  return (
    <header className="bar">
      <span className="brand">
        <Mark />
        Sésame
      </span>
      <span className="person" title={session.email}>
        <span className="visually-hidden">{texts.signedInAs} </span>
        <strong>{person?.user?.displayName ?? session.email}</strong>
        {person?.roles?.map(({ code, label }) => (
          <span key={code} className="role" title={code}>
            {label}
          </span>
        ))}
      </span>
      {config.demo.length > 0 && <DemoSwitch current={session.email} disabled={busy} onChoose={become} />}
      <button type="button" onClick={signOut}>
        {texts.signOut}
      </button>
      {problem && (
        <div className="bar-problem" role="alert">
          {problem}
          <button type="button" aria-label={texts.close} onClick={() => setProblem(null)}>
            ×
          </button>
        </div>
      )}
    </header>
  );
}

function DemoSwitch({ current, disabled, onChoose }) {
  const known = config.demo.some(({ email }) => email === current);
  return (
    <select
      aria-label={texts.demoTitle}
      disabled={disabled}
      value={known ? current : ''}
      onChange={(event) => onChoose(event.target.value)}
    >
      {!known && (
        <option value="" disabled>
          {texts.demoSwitch}
        </option>
      )}
      {config.demo.map(({ email, label }) => (
        <option key={email} value={email} title={email}>
          {label}
        </option>
      ))}
    </select>
  );
}
